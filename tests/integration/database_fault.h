#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "tests/integration/integration.h"
#include "tests/support/postgres.h"

// What the tests share that break the Postgres database under a service.
namespace registry::test {

// A cluster of its own with a registry database, in which the tenant acme is.
struct OwnDatabase {
  PostgresCluster cluster = {};
  std::string name = cluster.create_registry_database();

  OwnDatabase() { seed_acme(cluster, name); }
  [[nodiscard]] std::string url() const { return cluster.url(name); }
  // The only value that a query answers.
  [[nodiscard]] std::string value(const std::string& query) const;
};

// Watches that a service goes on with the processes that it had when this was made.
class Survival {
 public:
  explicit Survival(Service& service);

  // Requires that each function still runs, in the same process.
  void require_processes() const;
  // And that the logs hold nothing worse than a database that is away.
  void require() const;

 private:
  Service& service_;
  std::map<std::string, pid_t> pids_;
};

// One call of each operation, in an order in which they succeed. The tenant acme is only read; what
// changes is the tenant that tenant_create makes.
struct Call {
  std::string operation;
  HttpRequest request;
  int status = 200;  // of the answer while the database is there
};
[[nodiscard]] std::vector<Call> calls_of_every_operation();
// Whether the operation answers without the database.
[[nodiscard]] bool needs_no_database(const std::string& operation);

// What is wrong with the database, as /readyz says it; it must answer 503.
[[nodiscard]] std::string unready_detail(HttpClient& client);

// Clients that lead tenants through their lives, as fast as they are answered: each creates a
// tenant with an id of its own, activates and cancels it, and reads in between. What is answered
// 503 is asked again until it is answered otherwise.
class TenantLives {
 public:
  TenantLives(const Service& service, int clients);
  TenantLives(const TenantLives&) = delete;
  TenantLives& operator=(const TenantLives&) = delete;
  ~TenantLives();

  // How many requests have been answered, how many of them by 503, how many lives are complete.
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] int outages() const { return outages_; }
  [[nodiscard]] int completed() const { return completed_; }

  // Lets each client complete its tenant's life, which takes a database that answers; then requires
  // that no answer was wrong, that everything answered 2xx is in the database with exactly that
  // content, that each step was audited once and in order, and that there is nothing else.
  void require_all_well(const PostgresCluster& cluster, const std::string& database);

 private:
  class Client;

  void stop();
  void require_rows() const;
  void require_trails(const std::string& trails) const;
  void note_wrong(const std::string& what);

  const Service& service_;
  std::atomic<bool> stop_{false};
  std::atomic<int> answers_{0};
  std::atomic<int> outages_{0};
  std::atomic<int> completed_{0};
  std::mutex mutex_;
  std::vector<std::string> wrong_;         // guarded by mutex_
  std::map<std::string, Json> last_seen_;  // by id, what was last answered; guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace registry::test
