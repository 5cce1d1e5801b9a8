#include <csignal>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/integration.h"
#include "tests/support/wait.h"

// GET /metrics, which gathers what separate processes have counted.
namespace registry::test {
namespace {

// A sample's value by its name with its labels.
std::map<std::string, double> samples_of(const HttpResponse& response) {
  REQUIRE(response.status == 200);
  REQUIRE(response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  std::map<std::string, double> samples;
  std::istringstream lines(response.body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    REQUIRE(samples.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second);
  }
  return samples;
}

std::string requests(const std::string& function, int status) {
  return "tenant_registry_requests_total{function=\"" + function + "\",status=\"" +
         std::to_string(status) + "\"}";
}

// How many requests of all functions but the one that tells were counted, in both ways.
double counted(HttpClient& client) {
  double by_status = 0;
  double by_duration = 0;
  for (const auto& [name, value] : samples_of(client.get("/metrics"))) {
    if (name.find("function=\"metrics_get\"") != std::string::npos) continue;
    if (name.starts_with("tenant_registry_requests_total{")) by_status += value;
    if (name.starts_with("tenant_registry_request_duration_seconds_count{")) by_duration += value;
  }
  REQUIRE(by_status == by_duration);
  return by_status;
}

}  // namespace

TEST_CASE("metrics_get: every request of every function counts once, however its process ends") {
  Service service;
  HttpClient client = service.client();
  int sent = 0;
  const auto call_all = [&] {
    for (const Route& route : all_routes()) {
      if (route.operation == "metrics_get") continue;
      // Of whatever status: it was answered.
      REQUIRE(client.send({.method = route.method, .path = route.path}).status > 0);
      ++sent;
    }
  };
  call_all();
  REQUIRE(counted(client) == sent);
  for (const int signal : {SIGTERM, SIGKILL}) {
    CAPTURE(signal);
    for (const std::string& operation : operation_ids()) {
      (void)service.stop_function(operation, signal);
      service.start_function(operation);
    }
    REQUIRE(counted(client) == sent);
    call_all();
    REQUIRE(counted(client) == sent);
  }
  const auto samples = samples_of(client.get("/metrics"));
  REQUIRE(samples.at("tenant_registry_process_starts_total{function=\"tenant_get\"}") == 3);
  REQUIRE(samples.at(requests("health_live", 200)) == 3);
  REQUIRE(samples.at("tenant_registry_unreadable_metrics_files") == 0);
}

TEST_CASE("metrics_get: counts what many clients ask at once, and scrapes do not disturb it",
          "[racing]") {
  constexpr int kClients = 6;
  constexpr int kRequests = 50;
  Service service;
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&service, i] {
      HttpClient client = service.client();
      for (int n = 0; n < kRequests; ++n) {
        (void)client.get(i % 2 == 0 ? "/healthz" : "/v1/tenants/by-slug/nobody");
        if (n % 10 == 0) (void)client.get("/metrics");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  HttpClient client = service.client();
  const auto samples = samples_of(client.get("/metrics"));
  REQUIRE(samples.at(requests("health_live", 200)) == kClients / 2 * kRequests);
  REQUIRE(samples.at(requests("tenant_get_by_slug", 404)) == kClients / 2 * kRequests);
  REQUIRE(samples.at(requests("metrics_get", 200)) == kClients * kRequests / 10);
}

TEST_CASE("metrics_get: is for the machine itself and private networks alone") {
  HttpClient client = shared_service().client_without_address();
  require_problem(client.get("/metrics"), 403, "forbidden");
  require_problem(client.get("//metrics"), 404, "not_found");
  REQUIRE(client.get("/healthz").status == 200);
}

TEST_CASE("metrics_get: what it says is in the format that Prometheus reads") {
  HttpClient client = shared_service().client();
  (void)client.get("/healthz");
  const HttpResponse response = client.get("/metrics");
  const Output checked =
      run_program({.arguments = {"/usr/bin/promtool", "check", "metrics"}}, response.body);
  CAPTURE(checked.output, checked.errors);
  REQUIRE(checked.exit_code == 0);
  REQUIRE(checked.errors.empty());
}

TEST_CASE("METRICS_DIR: a function whose folder cannot be used says so, and serves") {
  TempFolder folder;
  write_file(folder.path() + "/file", "");
  Service service(Environment{{"METRICS_DIR", folder.path() + "/file"}});
  HttpClient client = service.client();
  REQUIRE(client.get("/healthz").status == 200);
  require_problem(client.get("/metrics"), 503, "unavailable");
  const std::string log = service.log_of("health_live");
  REQUIRE(log.find("METRICS_DIR: " + folder.path()) != std::string::npos);
}

}  // namespace registry::test
