#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/service.h"
#include "tests/support/temp_folder.h"

namespace registry::test {

// The service as a container runs it: supervisord with nginx and two processes of each function,
// which run the releases that deploy/rollout has adopted from the build. It has a new database.
class RolloutService {
 public:
  RolloutService();
  RolloutService(const RolloutService&) = delete;
  RolloutService& operator=(const RolloutService&) = delete;
  ~RolloutService();

  [[nodiscard]] HttpClient client() const { return HttpClient(port_); }

  // Runs deploy/rollout with these arguments to its end. A release gets little time to be ready:
  // those that never are have to be waited for.
  [[nodiscard]] Output rollout(const std::vector<std::string>& arguments) const;
  // The same for a release that is well, however slow the machine.
  [[nodiscard]] Output patient_rollout(const std::vector<std::string>& arguments) const;
  // The same, and goes on meanwhile.
  [[nodiscard]] Process start_rollout(const std::vector<std::string>& arguments) const;

  // The folder of the functions that were adopted, as version "first".
  [[nodiscard]] std::string package() const { return folder_.path() + "/package"; }
  // A new file: the function of the package with something at its end that nobody reads.
  [[nodiscard]] std::string another_build_of(const std::string& function);
  // A new file: tests/rollout/stub_function.cc, which does this while it is tried out, and that
  // when it runs.
  [[nodiscard]] std::string stub(const std::string& as_candidate, const std::string& as_running);
  // A new file.
  [[nodiscard]] std::string file(const std::string& content, bool is_executable = true);

  // The version that the link names.
  [[nodiscard]] std::string linked(const std::string& function) const;
  // What the processes of the function run: one version if all is well, empty for a process that
  // does not run.
  [[nodiscard]] std::set<std::string> running(const std::string& function) const;
  // The only release is that: link and processes agree, and nothing of a candidate is left.
  void require_settled(const std::string& function, const std::string& version) const;
  [[nodiscard]] std::set<std::string> releases(const std::string& function) const;
  // Of the function, from `status --json`.
  [[nodiscard]] Json status(const std::string& function) const;
  // What its file holds, oldest first.
  [[nodiscard]] std::vector<Json> history(const std::string& function) const;
  [[nodiscard]] Json last_record(const std::string& function) const;

  [[nodiscard]] std::string state_folder() const { return folder_.path() + "/state"; }
  [[nodiscard]] std::string run_folder() const { return folder_.path() + "/run"; }
  [[nodiscard]] std::string operations_file() const { return folder_.path() + "/operations"; }
  // The first column of a query, in its order.
  [[nodiscard]] std::vector<std::string> column(const std::string& query) const;
  // What no run may leave in a log.
  [[nodiscard]] std::vector<std::string> log_problems() const;

 private:
  [[nodiscard]] Command rollout_command(const std::vector<std::string>& arguments,
                                        int check_limit_s) const;
  void make_package();
  void start();
  void wait_until_up();
  [[nodiscard]] std::string new_path();

  TempFolder folder_;
  std::string database_;  // over Postgres
  Environment environment_;
  int port_ = 0;
  int files_ = 0;
  std::vector<Process> supervisord_;  // one
};

// The service that the tests share; each leaves its functions running a release that is well.
[[nodiscard]] RolloutService& shared_rollout_service();

}  // namespace registry::test
