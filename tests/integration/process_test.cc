#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include <signal.h>
#include <sys/socket.h>

#include "tests/integration/integration.h"
#include "tests/integration/store_obstacles.h"
#include "tests/support/callers.h"
#include "tests/support/transcript.h"
#include "tests/support/wait.h"

// How a function behaves as a process: stopped, killed, misconfigured, fed with rubbish.
namespace registry::test {
namespace {

constexpr const char* kAcme = "/v1/tenants/by-slug/acme";

constexpr int kCallers = 4;

void replace_under_load(Service& service, const std::string& operation, const Callers& load) {
  for (int round = 0; round < 10; ++round) {
    REQUIRE(service.stop_function(operation, SIGTERM) == 0);
    service.start_function(operation);
    // Of the new process: while it stops, the old one answers too.
    const int before = load.calls();
    wait_until("more calls", [&] { return load.calls() > before + 20; });
  }
}

// With the shared service's store, unless the environment says otherwise.
Output run_function(const std::string& operation, const Environment& environment,
                    const std::string& input = {}) {
  Environment all = environment;
  for (const auto& [name, value] : shared_service().environment_of(operation)) {
    all.emplace(name, value);
  }
  return run_program(
      {.arguments = {build_folder() + "/functions/" + operation}, .environment = all}, input);
}

}  // namespace

TEST_CASE("SIGTERM: under load no read goes without its answer", "[racing]") {
  Service service;
  Callers load(
      kCallers, [&] { return service.client(); },
      [](HttpClient& client, int) { return client.get(kAcme).status == 200; });
  replace_under_load(service, "tenant_get_by_slug", load);
  REQUIRE(load.stop() == 0);
  REQUIRE(service.log_problems().empty());
}

TEST_CASE("SIGTERM: under load no write goes without its answer, and none happens twice",
          "[racing]") {
  Service service;
  std::atomic<int> created{0};
  Callers load(
      kCallers, [&] { return service.client(); },
      [&](HttpClient& client, int) {
        const bool is_created =
            client.post("/v1/tenants", {{"slug", unique_name("load")}, {"name", "Load"}}).status ==
            201;
        if (is_created) ++created;
        return is_created;
      });
  replace_under_load(service, "tenant_create", load);
  REQUIRE(load.stop() == 0);
  const RowCounts counts = attach_database(service)->row_counts();
  REQUIRE(counts.tenants == created + 1);  // and acme
  REQUIRE(counts.audit_events == created);
}

TEST_CASE("SIGTERM: idle kept connections are closed, and the function leaves at once") {
  Service service;
  const UniqueFd connection = connect_unix(service.socket_path("health_live"));
  for (int i = 0; i < 2; ++i) {
    send_all(connection, fastcgi_get("/healthz", /*keep_connection=*/true));
    REQUIRE(fastcgi_output(receive_fastcgi_answer(connection)).starts_with("Status: 200 OK\r\n"));
  }
  REQUIRE(service.stop_function("health_live", SIGTERM) == 0);
  REQUIRE(is_closed_by_peer(connection));
}

TEST_CASE("kept connections: more of them than workers hold up nobody") {
  Service service(Environment{{"WORKERS", "1"}});
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 20; ++i) {
    connections.push_back(connect_unix(service.socket_path("health_live")));
    send_all(connections.back(), fastcgi_get("/healthz", /*keep_connection=*/true));
    REQUIRE_FALSE(receive_fastcgi_answer(connections.back()).empty());
  }
  REQUIRE(service.client().get("/healthz").status == 200);
}

TEST_CASE("slow peers: half a request holds no worker") {
  Service service(Environment{{"WORKERS", "1"}});
  const std::string request = fastcgi_get("/healthz", /*keep_connection=*/false);
  const UniqueFd silent = connect_unix(service.socket_path("health_live"));
  const UniqueFd slow = connect_unix(service.socket_path("health_live"));
  send_all(slow, std::string_view(request).substr(0, 20));
  REQUIRE(service.client().get("/healthz").status == 200);
  send_all(slow, std::string_view(request).substr(20));
  REQUIRE(fastcgi_output(receive_all(slow)).starts_with("Status: 200 OK\r\n"));
}

TEST_CASE("kill -9: the request in flight is 502, the next one works, nothing is half done",
          "[racing]") {
  Service service;
  HttpClient client = service.client();
  REQUIRE(client.get(kAcme).status == 200);
  const Json body = {{"id", unique_uuid()}, {"slug", "in-flight"}, {"name", "In flight"}};
  HttpResponse response;
  {
    const WriteLock lock(service);
    std::thread caller([&] {
      HttpClient own = service.client();
      response = own.post("/v1/tenants", body);
    });
    lock.wait_for_write(service.function("tenant_create"));
    REQUIRE(service.stop_function("tenant_create", SIGKILL) == -SIGKILL);
    service.start_function("tenant_create");
    caller.join();
  }
  require_problem(response, 502, "unavailable");
  REQUIRE(response.header("retry-after") == "1");
  // A server may carry out what it has received, though nobody is left to hear of it.
  const HttpResponse repeated = client.post("/v1/tenants", body);
  REQUIRE((repeated.status == 201 || (is_on_postgres() && repeated.status == 200)));
  REQUIRE(client.get("/v1/tenants/by-slug/in-flight").json() == repeated.json());
  REQUIRE(attach_database(service)->audit_trail(id_of(body)).size() == 1);
}

TEST_CASE("a function that is down is 502 problem+json, and the others answer") {
  Service service;
  std::filesystem::remove(service.socket_path("catalog_list"));
  HttpClient client = service.client();
  const HttpResponse response = client.get("/v1/catalog");
  require_problem(response, 502, "unavailable");
  const std::string id = response.json().at("request_id");
  wait_until("a line with the id of the request",
             [&] { return service.log_of("nginx_requests").find(id) != std::string::npos; });
  REQUIRE(client.get(kAcme).status == 200);
}

TEST_CASE("a database that stays locked is 503 with Retry-After, and changes nothing") {
  Service service;
  HttpClient client = service.client();
  REQUIRE(client.get(kAcme).status == 200);
  {
    const WriteLock lock(service);
    const HttpResponse response =
        client.post("/v1/tenants", {{"slug", "locked-out"}, {"name", "x"}});
    require_problem(response, 503, "unavailable");
    REQUIRE(response.header("retry-after") == "1");
    REQUIRE(client.get(kAcme).status == 200);
  }
  REQUIRE(client.get("/v1/tenants/by-slug/locked-out").status == 404);
}

TEST_CASE("a store that is away: live, not ready, 503, and back without a restart") {
  Service service;
  HttpClient client = service.client();
  {
    const StoreAway away(service);
    REQUIRE(client.get("/healthz").status == 200);
    require_problem(client.get("/readyz"), 503, "unavailable");
    const HttpResponse response = client.get(kAcme);
    require_problem(response, 503, "unavailable");
    REQUIRE(response.header("retry-after") == "1");
    REQUIRE(response.body.find(away.place()) == std::string::npos);
  }
  {
    const TranscriptPause pause;
    wait_until("the store to be back", [&] {
      return client.get("/readyz").status == 200 && client.get(kAcme).status == 200;
    });
  }
  REQUIRE(client.get("/readyz").status == 200);
  REQUIRE(client.get(kAcme).status == 200);
}

TEST_CASE("IDLE_EXIT_S: a function leaves after that long without a request") {
  Service service(Environment{{"IDLE_EXIT_S", "1"}});
  REQUIRE(service.function("health_live").wait() == 0);
  service.start_function("health_live");
  REQUIRE(service.client().get("/healthz").status == 200);
}

TEST_CASE("state: survives a restart of every function") {
  Service service;
  HttpClient client = service.client();
  const HttpResponse created = client.post("/v1/tenants", {{"slug", "kept"}, {"name", "Kept"}});
  for (const std::string& operation : operation_ids()) {
    REQUIRE(service.stop_function(operation, SIGTERM) == 0);
    service.start_function(operation);
  }
  REQUIRE(client.get("/v1/tenants/by-slug/kept").body == created.body);
}

TEST_CASE("configuration: a bad value is exit 78 with one line that names the variable") {
  const auto [name, value] = GENERATE(table<std::string, std::string>({
      {"APP_ENV", "production"},
      {"DATABASE_URL", "mysql://localhost/x"},
      {"DATABASE_URL", "postgres://[::1/x"},
      {"KEYCLOAK_ISSUER", "issuer.example"},
      {"TRIAL_DAYS", "0"},
      {"TRIAL_DAYS", "14 days"},
      {"TRIAL_DAYS", "99999999999"},
      {"WORKERS", "0"},
      {"WORKERS", "65"},
      {"WORKERS", "-1"},
      {"IDLE_EXIT_S", "1.5"},
      {"LOG_LEVEL", "loud"},
  }));
  CAPTURE(name, value);
  const Output output = run_function("health_live", {{name, value}});
  REQUIRE(output.exit_code == 78);
  REQUIRE(output.output.empty());
  REQUIRE(output.errors.starts_with("health_live: " + name + ": "));
  REQUIRE(output.errors.find('\n') == output.errors.size() - 1);
}

TEST_CASE("configuration: in stage and prod no function starts without issuer and database") {
  const auto app_env = GENERATE(as<std::string>(), "stage", "prod");
  const Environment with_issuer = {
      {"APP_ENV", app_env}, {"KEYCLOAK_ISSUER", "https://issuer.example"}, {"DATABASE_URL", ""}};
  for (const std::string& operation : operation_ids()) {
    CAPTURE(app_env, operation);
    const Output without_issuer = run_function(operation, {{"APP_ENV", app_env}});
    REQUIRE(without_issuer.exit_code == 78);
    REQUIRE(without_issuer.errors.starts_with(operation + ": KEYCLOAK_ISSUER: "));
    const Output without_database = run_function(operation, with_issuer);
    REQUIRE(without_database.exit_code == 78);
    REQUIRE(without_database.errors.starts_with(operation + ": DATABASE_URL: "));
  }
}

TEST_CASE("CATALOG_FILE: a broken one is exit 78 naming file and line") {
  const TempFolder folder;
  const std::string file = folder.path() + "/catalog.json";
  write_file(file, "{\"products\":[\n{\"id\":\"a\",\n}]}");
  const Output output = run_function("catalog_list", {{"CATALOG_FILE", file}});
  REQUIRE(output.exit_code == 78);
  REQUIRE(output.errors.starts_with("catalog_list: CATALOG_FILE: " + file + ", line 3: "));
  const Output missing = run_function("catalog_list", {{"CATALOG_FILE", "/nowhere"}});
  REQUIRE(missing.exit_code == 78);
  REQUIRE(missing.errors.starts_with("catalog_list: CATALOG_FILE: /nowhere"));
}

TEST_CASE("CGI: a function run by hand prints its answer") {
  const Output read =
      run_function("tenant_get_by_slug", {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", kAcme}});
  REQUIRE(read.exit_code == 0);
  REQUIRE(read.output.starts_with("Status: 200 OK\r\nContent-Type: application/json\r\n"));
  REQUIRE(read.output.find("\"slug\":\"acme\"") != std::string::npos);

  const std::string body = R"({"slug":"by-hand","name":"By hand"})";
  const Environment post = {{"REQUEST_METHOD", "POST"},
                            {"REQUEST_URI", "/v1/tenants"},
                            {"CONTENT_TYPE", "application/json"}};
  Environment whole = post;
  whole.emplace("CONTENT_LENGTH", std::to_string(body.size()));
  REQUIRE(run_function("tenant_create", whole, body).output.starts_with("Status: 201 Created"));
  Environment cut = post;
  cut.emplace("CONTENT_LENGTH", std::to_string(body.size() + 1));
  REQUIRE(run_function("tenant_create", cut, body).output.starts_with("Status: 400 Bad Request"));
  REQUIRE(run_function("tenant_create", {}).output.starts_with("Status: 404 Not Found"));
}

TEST_CASE("FastCGI: malformed records end their connection and nothing else") {
  const std::string whole = fastcgi_get("/healthz", /*keep_connection=*/false);
  const std::string begin = whole.substr(0, 16);
  const std::string huge_name("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  const std::string get_values = [] {
    std::string names;
    for (int i = 0; i < 50; ++i) names += std::string("\x0f\x00", 2) + "FCGI_MPXS_CONNS";
    return fastcgi_record(9, 0, names);
  }();
  const std::vector<std::string> attacks = {
      fastcgi_record(9, 0, {}),                 // management, empty
      get_values,                               // more values than any buffer
      begin + get_values,                       // the same inside a request
      begin + fastcgi_record(4, 1, huge_name),  // lengths of 2 GiB
      begin + fastcgi_record(4, 1, huge_name) + fastcgi_record(4, 1, {}),
      begin + fastcgi_record(4, 1, "\x05") + fastcgi_record(4, 1, {}),  // cut off
      begin + begin,                                                    // two beginnings
      begin + fastcgi_record(5, 1, "x"),                                // body before parameters
      begin + fastcgi_record(4, 2, {}),                                 // another request
      begin + fastcgi_record(2, 1, {}),                                 // abort
      fastcgi_record(1, 1, "short"),                                    // no beginning
      fastcgi_record(1, 0, std::string("\0\1\0\0\0\0\0\0", 8)),         // request 0
      fastcgi_record(1, 1, std::string("\0\2\0\0\0\0\0\0", 8)),         // an authorizer
      fastcgi_record(4, 1, {}),                                         // parameters of nothing
      std::string(64, '\0'),
      std::string(70'000, '\xff'),
  };
  Service service;
  const pid_t pid = service.function("health_live").pid();
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    CAPTURE(i);
    const UniqueFd connection = connect_unix(service.socket_path("health_live"));
    send_all(connection, attacks[i]);
    ::shutdown(connection.get(), SHUT_WR);
    REQUIRE(receive_all(connection).empty());
    REQUIRE(service.client().get("/healthz").status == 200);
  }
  REQUIRE(service.function("health_live").is_running());
  REQUIRE(service.function("health_live").pid() == pid);
}

TEST_CASE("FastCGI: 10,000 random byte strings leave a function serving") {
  Service service;
  std::mt19937 random(20260519);  // NOLINT(cert-msc51-cpp): the same strings in every run
  const std::string whole = fastcgi_get("/healthz", /*keep_connection=*/true);
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes = whole;
    if (i % 2 == 0) {
      bytes = std::string(random() % 300, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
    } else {
      for (auto flips = random() % 6 + 1; flips > 0; --flips) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
    }
    const UniqueFd connection = connect_unix(service.socket_path("health_live"));
    send_all(connection, bytes);
  }
  REQUIRE(service.client().get("/healthz").status == 200);
  REQUIRE(service.stop_function("health_live", SIGTERM) == 0);
  REQUIRE(service.log_problems().empty());
}

}  // namespace registry::test
