#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/http_client.h"
#include "tests/support/postgres.h"
#include "tests/support/process.h"
#include "tests/support/socket.h"
#include "tests/support/temp_folder.h"

namespace registry::test {

// The folders of the build and of the source, as tests/run names them.
[[nodiscard]] std::string build_folder();
[[nodiscard]] std::string source_folder();
// Every operationId of openapi.yaml, as deploy/routes.py lists them.
[[nodiscard]] const std::vector<std::string>& operation_ids();

struct Route {
  std::string operation;
  std::string method;  // not HEAD, which follows from GET
  std::string path;    // the template
};
// Every operation of openapi.yaml, as deploy/routes.py lets nginx route to it.
[[nodiscard]] std::vector<Route> all_routes();

// Whether this run of the tests is over Postgres (TEST_STORE=postgres), not the embedded store.
[[nodiscard]] bool is_on_postgres();
// Adds the tenant acme to a Postgres database, as a new embedded store has it.
void seed_acme(const PostgresCluster& cluster, const std::string& database);

// Ends an nginx that was started, unless it has ended; kills one that does not end.
void end_nginx(Process& nginx);

// The service as it runs in production: real nginx on a free port, with the derived routes, and
// every function's binary on a socket of its own. It has a new database of its own: in a folder of
// its own or, over Postgres, in the shared cluster, where each function connects as its own role.
class Service {
 public:
  // `environment` is added to that of the functions; a DATABASE_URL in it is used as it is, by all
  // functions with the account that it names.
  explicit Service(Environment environment = {});
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] HttpClient client() const { return HttpClient(port_); }
  // One that comes from no network, and so from none that is private.
  [[nodiscard]] HttpClient client_without_address() const {
    return HttpClient::over_socket(folder_.path() + "/nginx.socket");
  }

  [[nodiscard]] Process& function(const std::string& operation);
  // Starts a new process on the function's socket, which was open all the time.
  void start_function(const std::string& operation);
  // Ends the process with the signal and returns as Process::wait() does.
  int stop_function(const std::string& operation, int signal);
  [[nodiscard]] std::string socket_path(const std::string& operation) const;
  // Of its functions, for another service over the same database.
  [[nodiscard]] const Environment& environment() const { return environment_; }
  // Of one of its functions.
  [[nodiscard]] Environment environment_of(const std::string& operation) const;
  // The file of the embedded store.
  [[nodiscard]] std::string database_path() const;
  // The database's, for a superuser or whoever the DATABASE_URL that was handed in names; empty
  // over the embedded store.
  [[nodiscard]] std::string database_url() const;
  // The JSON lines that a function wrote so far, and its other output; "nginx_requests" has those
  // of the requests that no function answered.
  [[nodiscard]] std::string log_of(const std::string& operation) const;
  // All logs: of functions, nginx, and its own requests.
  [[nodiscard]] std::string all_logs() const;

  // What no run may leave in a log: internal errors, crashes, alerts of nginx. Sanitizers' reports
  // are searched for in every log, see log_search.h.
  [[nodiscard]] std::vector<std::string> log_problems() const;

 private:
  void start_nginx();

  TempFolder folder_;
  Environment environment_;
  std::string url_without_user_;  // what the functions have for DATABASE_URL; empty: what is there
  int port_ = 0;
  std::map<std::string, UniqueFd> sockets_;
  std::map<std::string, Process> functions_;
  std::vector<Process> nginx_;  // one, once it runs
};

// The service that most tests share: they make tenants of their own in it.
[[nodiscard]] Service& shared_service();

// A text that no test has used before, valid in a slug; always as long.
[[nodiscard]] std::string unique_name(const std::string& prefix);
[[nodiscard]] std::string unique_uuid();

}  // namespace registry::test
