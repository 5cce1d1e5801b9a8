#include "tests/support/service.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>
#include <stdexcept>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/log_search.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

constexpr const char* kNginx = "/usr/sbin/nginx";
constexpr int kPortTries = 5;

std::string folder_from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set; use tests/run");
  return value;
}

Output routes(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {source_folder() + "/deploy/routes.py", arguments.front(),
                                      source_folder() + "/openapi.yaml"};
  command.insert(command.end(), arguments.begin() + 1, arguments.end());
  Output output = run_program({.arguments = command});
  if (output.exit_code != 0) throw std::runtime_error("routes.py: " + output.errors);
  return output;
}

void add_matching_lines(const std::string& path, const std::vector<std::string>& patterns,
                        std::vector<std::string>& found) {
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    for (const std::string& pattern : patterns) {
      if (line.find(pattern) != std::string::npos) found.push_back(path + ": " + line);
    }
  }
}

}  // namespace

std::string build_folder() {
  return folder_from_environment("TEST_BUILD_DIR");
}

std::string source_folder() {
  return folder_from_environment("TEST_SOURCE_DIR");
}

const std::vector<std::string>& operation_ids() {
  static const std::vector<std::string> kIds = [] {
    std::vector<std::string> ids;
    std::istringstream lines(routes({"operations"}).output);
    for (std::string line; std::getline(lines, line);) ids.push_back(line);
    return ids;
  }();
  return kIds;
}

std::vector<Route> all_routes() {
  const std::regex line_of_map(R"re(\s*"([A-Z]+) (/[^"]*)" (\w+);)re");
  std::vector<Route> found;
  std::istringstream lines(routes({"routes", "http", "--sockets", "/sockets"}).output);
  std::smatch part;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, part, line_of_map) && part[1] != "HEAD") {
      found.push_back({.operation = part[3], .method = part[1], .path = part[2]});
    }
  }
  return found;
}

bool is_on_postgres() {
  static const bool kIsOnPostgres = [] {
    const char* value = std::getenv("TEST_STORE");
    const std::string store = value == nullptr ? "embedded" : value;
    if (store != "postgres" && store != "embedded") {
      throw std::runtime_error("TEST_STORE must be postgres or embedded");
    }
    return store == "postgres";
  }();
  return kIsOnPostgres;
}

void seed_acme(const PostgresCluster& cluster, const std::string& database) {
  cluster.sql(database, R"(
    INSERT INTO tenants (id, slug, name, status, plan)
    VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 'Acme Inc.', 'active', 'professional');
    INSERT INTO tenant_products (tenant_id, product)
    VALUES ('00000000-0000-0000-0000-000000000001', 'certifai'),
           ('00000000-0000-0000-0000-000000000001', 'compliance');
  )");
}

Service::Service(Environment environment) : environment_(std::move(environment)) {
  environment_.emplace("STATE_DIR", folder_.path() + "/state");
  if (is_on_postgres() && !environment_.contains("DATABASE_URL")) {
    PostgresCluster& cluster = shared_cluster();
    const std::string database = cluster.create_registry_database();
    seed_acme(cluster, database);
    environment_.emplace("DATABASE_URL", cluster.url(database));
    url_without_user_ = cluster.url_without_user(database);
  }
  std::filesystem::create_directory(folder_.path() + "/log");
  for (const std::string& operation : operation_ids()) {
    sockets_.emplace(operation, listen_unix(socket_path(operation)));
    start_function(operation);
  }
  start_nginx();
}

// Again and again, because nginx sleeps through a signal that comes between its writing of the pid
// file and its waiting for signals.
void end_nginx(Process& nginx) {
  try {
    wait_until("the end of nginx", [&] {
      if (nginx.is_running()) nginx.signal(SIGTERM);
      return !nginx.is_running();
    });
  } catch (const std::exception&) {
    nginx.signal(SIGKILL);
  }
}

Service::~Service() {
  for (Process& nginx : nginx_) end_nginx(nginx);
  search_log("a service", all_logs());
}

void Service::start_nginx() {
  const std::string configuration = folder_.path() + "/nginx.conf";
  for (int attempt = 0; attempt < kPortTries; ++attempt) {
    port_ = free_port();
    std::vector<std::string> arguments = {"nginx",
                                          "--listen",
                                          "127.0.0.1:" + std::to_string(port_),
                                          "--listen",
                                          "unix:" + folder_.path() + "/nginx.socket",
                                          "--sockets",
                                          folder_.path(),
                                          "--state",
                                          folder_.path(),
                                          "--docs",
                                          build_folder() + "/docs",
                                          "--access-log",
                                          folder_.path() + "/log/nginx_requests",
                                          "--output",
                                          configuration};
    if (::geteuid() == 0) arguments.insert(arguments.end(), {"--user", "root"});
    [[maybe_unused]] const Output rendered = routes(arguments);
    nginx_.clear();
    nginx_.emplace_back(Command{
        .arguments = {kNginx, "-c", configuration, "-e", "stderr"},
        .error_path = folder_.path() + "/log/nginx",
    });
    const std::string pid_file = folder_.path() + "/nginx.pid";
    wait_until("nginx",
               [&] { return !nginx_.front().is_running() || std::filesystem::exists(pid_file); });
    if (nginx_.front().is_running()) return;
  }
  throw std::runtime_error("nginx does not start: " + read_file(folder_.path() + "/log/nginx"));
}

Process& Service::function(const std::string& operation) {
  return functions_.at(operation);
}

void Service::start_function(const std::string& operation) {
  functions_.erase(operation);
  functions_.emplace(operation, Process({
                                    .arguments = {build_folder() + "/functions/" + operation},
                                    .environment = environment_of(operation),
                                    .standard_input = sockets_.at(operation).get(),
                                    .error_path = folder_.path() + "/log/" + operation,
                                }));
}

Environment Service::environment_of(const std::string& operation) const {
  Environment environment = environment_;
  if (url_without_user_.empty()) return environment;
  environment["DATABASE_URL"] = url_without_user_;
  environment["PGUSER"] = "registry_" + operation;
  return environment;
}

int Service::stop_function(const std::string& operation, int signal) {
  function(operation).signal(signal);
  return function(operation).wait();
}

std::string Service::socket_path(const std::string& operation) const {
  return folder_.path() + "/" + operation + ".sock";
}

std::string Service::database_path() const {
  return environment_.at("STATE_DIR") + "/registry.db";
}

std::string Service::database_url() const {
  const auto url = environment_.find("DATABASE_URL");
  return url == environment_.end() ? "" : url->second;
}

std::string Service::log_of(const std::string& operation) const {
  return read_file(folder_.path() + "/log/" + operation);
}

std::string Service::all_logs() const {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/log")) {
    all += read_file(entry.path().string());
  }
  return all;
}

std::vector<std::string> Service::log_problems() const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/log")) {
    const bool is_nginx = entry.path().filename() == "nginx";
    add_matching_lines(
        entry.path().string(),
        is_nginx ? std::vector<std::string>{"[alert]", "[emerg]"}
                 : std::vector<std::string>{R"("level":"error")", "terminate called", "Assertion"},
        found);
  }
  return found;
}

Service& shared_service() {
  static Service service;
  return service;
}

std::string unique_name(const std::string& prefix) {
  static std::atomic<int> count{0};
  std::array<char, 32> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "-%07d-%05d", ::getpid(), ++count);
  return prefix + suffix.data();
}

std::string unique_uuid() {
  static std::atomic<int> count{0};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%08x-0000-4000-8000-%012x", ::getpid(), ++count);
  return text.data();
}

}  // namespace registry::test
