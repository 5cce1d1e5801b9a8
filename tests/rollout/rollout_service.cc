#include "tests/rollout/rollout_service.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <sstream>
#include <stdexcept>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/sqlite/connection.h"
#include "tests/support/catch.h"
#include "tests/support/log_search.h"
#include "tests/support/postgres.h"
#include "tests/support/socket.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

namespace fs = std::filesystem;

constexpr int kProcesses = 2;
constexpr const char* kSupervisorctl = "/usr/bin/supervisorctl";
// Dozens of processes start at once, which takes its time where others work as well.
constexpr std::chrono::seconds kStartLimit{60};
// Two checks of 15 s for each process, and the time of a machine that has other things to do.
constexpr std::chrono::seconds kRolloutLimit{90};
constexpr int kShortCheckS = 4;
constexpr int kLongCheckS = 15;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

Output run(Command command) {
  const TempFolder folder;
  command.output_path = folder.path() + "/output";
  command.error_path = folder.path() + "/errors";
  Process process(command);
  const auto end = std::chrono::steady_clock::now() + kRolloutLimit;
  while (process.is_running() && std::chrono::steady_clock::now() < end) ::poll(nullptr, 0, 2);
  const int exit_code = process.wait();
  return {.exit_code = exit_code,
          .output = read_file(command.output_path),
          .errors = read_file(command.error_path)};
}

std::string must_run(const std::vector<std::string>& arguments) {
  const Output output = run({.arguments = arguments});
  if (output.exit_code != 0) throw std::runtime_error(arguments.front() + ": " + output.errors);
  return output.output;
}

}  // namespace

RolloutService::RolloutService() {
  environment_ = {{"STATE_DIR", folder_.path() + "/store"}, {"WORKERS", "2"}};
  if (is_on_postgres()) {
    database_ = shared_cluster().create_registry_database();
    seed_acme(shared_cluster(), database_);
    environment_["DATABASE_URL"] = shared_cluster().url(database_);
  }
  for (const char* name : {"/run", "/supervisord", "/supervisord/log", "/files", "/store"}) {
    fs::create_directory(folder_.path() + name);
  }
  std::string names;
  for (const std::string& operation : operation_ids()) names += operation + "\n";
  write_file(operations_file(), names);
  start();
}

RolloutService::~RolloutService() {
  try {
    supervisord_.front().signal(SIGTERM);
    static_cast<void>(supervisord_.front().wait());
  } catch (const std::exception&) {
    supervisord_.clear();  // which kills it, and that ends its programs
  }
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/supervisord/log")) {
    search_log("a service with rollouts", read_file(entry.path().string()));
  }
}

void RolloutService::start() {
  const std::string supervisord = folder_.path() + "/supervisord";
  const std::string routes = source_folder() + "/deploy/routes.py";
  const std::string openapi = source_folder() + "/openapi.yaml";
  port_ = free_port();
  std::vector<std::string> nginx = {routes,
                                    "nginx",
                                    openapi,
                                    "--listen",
                                    "127.0.0.1:" + std::to_string(port_),
                                    "--sockets",
                                    run_folder(),
                                    "--state",
                                    supervisord,
                                    "--access-log",
                                    supervisord + "/log/nginx_requests",
                                    "--output",
                                    folder_.path() + "/nginx.conf"};
  if (::geteuid() == 0) nginx.insert(nginx.end(), {"--user", "root"});
  must_run(nginx);
  must_run({routes, "supervisor", openapi, "--functions", build_folder() + "/functions",
            "--running", state_folder() + "/running", "--processes", std::to_string(kProcesses),
            "--sockets", run_folder(), "--state", supervisord, "--nginx-conf",
            folder_.path() + "/nginx.conf", "--output", folder_.path() + "/supervisord.conf"});
  make_package();
  const Output adopted = rollout({"adopt", package(), "--version", "first"});
  if (adopted.exit_code != 0) throw std::runtime_error("adopt: " + adopted.errors);
  supervisord_.emplace_back(
      Command{.arguments = {"/usr/bin/supervisord", "-c", folder_.path() + "/supervisord.conf"},
              .environment = environment_,
              .output_path = supervisord + "/output",
              .error_path = supervisord + "/output"});
  wait_until_up();
}

// Each function listens, and then nginx answers: before that it would log what it cannot reach.
void RolloutService::wait_until_up() {
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  const auto wait_for = [end](const std::string& what, const std::function<void()>& attempt) {
    for (;;) {
      try {
        return attempt();
      } catch (const std::exception&) {
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error(what + " is not up");
      }
      ::poll(nullptr, 0, 20);
    }
  };
  for (const std::string& operation : operation_ids()) {
    const std::string socket = run_folder() + "/" + operation + ".sock";
    wait_for(operation, [&] { static_cast<void>(connect_unix(socket)); });
  }
  wait_for("nginx", [&] { static_cast<void>(client().get("/readyz")); });
}

// As a package has them: the files of a build are twenty times as large.
void RolloutService::make_package() {
  fs::create_directory(package());
  for (const std::string& operation : operation_ids()) {
    must_run({"/usr/bin/strip", "-o", package() + "/" + operation,
              build_folder() + "/functions/" + operation});
  }
}

Command RolloutService::rollout_command(const std::vector<std::string>& arguments,
                                        int check_limit_s) const {
  Command command{.arguments = {source_folder() + "/deploy/rollout", "--state", state_folder(),
                                "--run", run_folder(), "--operations", operations_file(),
                                "--supervisor", folder_.path() + "/supervisord.conf",
                                "--check-limit", std::to_string(check_limit_s)},
                  .environment = environment_};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  return command;
}

Output RolloutService::rollout(const std::vector<std::string>& arguments) const {
  return run(rollout_command(arguments, kShortCheckS));
}

Output RolloutService::patient_rollout(const std::vector<std::string>& arguments) const {
  return run(rollout_command(arguments, kLongCheckS));
}

Process RolloutService::start_rollout(const std::vector<std::string>& arguments) const {
  Command command = rollout_command(arguments, kLongCheckS);
  command.error_path = folder_.path() + "/started_rollouts";
  return Process(command);
}

std::string RolloutService::new_path() {
  return folder_.path() + "/files/" + std::to_string(++files_);
}

std::string RolloutService::file(const std::string& content, bool is_executable) {
  std::string path = new_path();
  write_file(path, content);
  ::chmod(path.c_str(), is_executable ? 0755 : 0644);
  return path;
}

std::string RolloutService::another_build_of(const std::string& function) {
  return file(read_file(package() + "/" + function) + "\nanother build: " + std::to_string(files_));
}

std::string RolloutService::stub(const std::string& as_candidate, const std::string& as_running) {
  return file(read_file(build_folder() + "/tests/stub_function") + "\n#stub number " +
              std::to_string(files_) + "\n#stub candidate " + as_candidate + "\n#stub running " +
              as_running + "\n");
}

std::string RolloutService::linked(const std::string& function) const {
  return fs::read_symlink(state_folder() + "/running/" + function).filename().string();
}

std::set<std::string> RolloutService::running(const std::string& function) const {
  Command command{.arguments = {kSupervisorctl, "-c", folder_.path() + "/supervisord.conf", "pid"}};
  for (int i = 0; i < kProcesses; ++i) {
    command.arguments.push_back(function + ":" + function + "_0" + std::to_string(i));
  }
  std::set<std::string> versions;
  for (const std::string& pid : lines_of(run(command).output)) {
    std::error_code is_gone;
    versions.insert(fs::read_symlink("/proc/" + pid + "/exe", is_gone).filename().string());
  }
  return versions;
}

void RolloutService::require_settled(const std::string& function,
                                     const std::string& version) const {
  CAPTURE(function);
  REQUIRE(linked(function) == version);
  REQUIRE(running(function) == std::set<std::string>{version});
  REQUIRE_FALSE(fs::is_symlink(state_folder() + "/candidate/" + function));
  REQUIRE_FALSE(fs::exists(run_folder() + "/candidate/" + function + ".sock"));
}

std::set<std::string> RolloutService::releases(const std::string& function) const {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(state_folder() + "/releases/" + function)) {
    names.insert(entry.path().filename().string());
  }
  for (const char* other : {"history", "history.1", "lock"}) names.erase(other);
  return names;
}

Json RolloutService::status(const std::string& function) const {
  const Output output = rollout({"status", "--json"});
  if (output.exit_code != 0) throw std::runtime_error("status: " + output.errors);
  for (const Json& row : Json::parse(output.output)) {
    if (row.at("function") == function) return row;
  }
  throw std::runtime_error("status: lacks " + function);
}

std::vector<Json> RolloutService::history(const std::string& function) const {
  std::vector<Json> records;
  const std::string path = state_folder() + "/releases/" + function + "/history";
  for (const std::string& line : lines_of(read_file(path))) records.push_back(Json::parse(line));
  return records;
}

Json RolloutService::last_record(const std::string& function) const {
  return history(function).back();
}

std::vector<std::string> RolloutService::column(const std::string& query) const {
  if (is_on_postgres()) return lines_of(shared_cluster().sql(database_, query));
  std::vector<std::string> values;
  sqlite::Connection db(folder_.path() + "/store/registry.db");
  auto row = db.query(query);
  while (row.step()) values.push_back(row.get<std::string>(0));
  return values;
}

std::vector<std::string> RolloutService::log_problems() const {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/supervisord/log")) {
    for (const std::string& line : lines_of(read_file(entry.path().string()))) {
      for (const char* pattern : {"[alert]", "[emerg]", R"("level":"error")", "terminate called"}) {
        if (line.find(pattern) != std::string::npos) found.push_back(line);
      }
    }
  }
  return found;
}

RolloutService& shared_rollout_service() {
  static RolloutService service;
  return service;
}

}  // namespace registry::test
