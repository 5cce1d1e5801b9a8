#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <signal.h>

#include "tests/integration/change_ledger.h"
#include "tests/integration/database_fault.h"
#include "tests/support/wait.h"

// Whether a change and its audit entry can be torn apart by killing whoever makes them.
namespace registry::test {
namespace {

constexpr int kTries = 100;  // of each kind of process
constexpr int kCrashClients = 4;

constexpr std::array<const char*, 7> kChanging = {
    "tenant_create",         "tenant_activate", "tenant_cancel",  "catalog_request",
    "catalog_trial_request", "api_key_create",  "api_key_revoke",
};

// Clients that make changes of every kind as fast as they are answered, and take every answer that
// a killed function or database may cause.
class ChangeLoad {
 public:
  explicit ChangeLoad(const Service& service) {
    for (int i = 0; i < kCrashClients; ++i) {
      threads_.emplace_back([this, client = service.client()]() mutable { run(client); });
    }
  }
  ChangeLoad(const ChangeLoad&) = delete;
  ChangeLoad& operator=(const ChangeLoad&) = delete;
  ~ChangeLoad() { stop(); }

  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] int changes() const { return changes_; }

  // Ends the clients, and gives the answers that no fault explains.
  std::set<int> stop() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    const std::lock_guard lock(mutex_);
    return wrong_;
  }

 private:
  void run(HttpClient& client) {
    while (!stop_) live(client);
  }

  // A tenant's life; a step whose answer was lost is left out.
  void live(HttpClient& client) {
    const std::string id = unique_uuid();
    const auto post = [&](const std::string& path, const Json& body) {
      return answer(client, {.method = "POST", .path = path, .body = body.dump()});
    };
    post("/v1/tenants", {{"id", id}, {"slug", unique_name("crash")}, {"name", "Crash"}});
    post("/v1/tenants/" + id + "/activate", {{"plan", "pro"}});
    post("/v1/catalog/request", {{"tenant_id", id}, {"product", "certifai"}});
    post("/v1/catalog/trial-request", {{"tenant_id", id}, {"product", "compliance"}});
    const HttpResponse key = post("/v1/api-keys", {{"tenant_id", id}, {"name", "key"}});
    if (key.status == 201) {
      answer(client, {.method = "DELETE",
                      .path = "/v1/api-keys/" + key.json().at("id").get<std::string>()});
    }
    post("/v1/tenants/" + id + "/cancel", Json::object());
  }

  HttpResponse answer(HttpClient& client, const HttpRequest& request) {
    HttpResponse response = client.send(request);
    ++answers_;
    if (response.status < 300) {
      ++changes_;
    } else if (response.status != 404 && response.status != 409 && response.status < 502) {
      const std::lock_guard lock(mutex_);
      wrong_.insert(response.status);
    }
    return response;
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> answers_{0};
  std::atomic<int> changes_{0};
  std::mutex mutex_;
  std::set<int> wrong_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

bool answers(const OwnDatabase& database) {
  try {
    return database.value("SELECT 1") == "1";
  } catch (const std::runtime_error&) {
    return false;
  }
}

// The server's process of one of the service's sessions, one that is at work if there is one; 0
// where there is none, or the server does not answer.
pid_t find_victim(const OwnDatabase& database) {
  try {
    const std::string pid = database.value(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tenant-registry'"
        " ORDER BY state = 'active' DESC, query_start DESC LIMIT 1");
    return pid.empty() ? 0 : std::stoi(pid);
  } catch (const std::runtime_error&) {
    return 0;
  }
}

}  // namespace

TEST_CASE("kill -9 of a function, 100 times: no change without its audit entry, and none lost",
          "[racing]") {
  Service service;
  ChangeLedger ledger(service);
  ChangeLoad load(service);
  for (int kill = 0; kill < kTries; ++kill) {
    const std::string operation = kChanging.at(static_cast<std::size_t>(kill) % kChanging.size());
    REQUIRE(service.stop_function(operation, SIGKILL) == -SIGKILL);
    service.start_function(operation);
    // Now at once, now after some success.
    const int before = load.changes();
    wait_until("changes", [&] { return load.changes() >= before + kill % 5 * 3; });
  }
  REQUIRE(load.stop().empty());
  const std::vector<std::string> differences = ledger.differences();
  CAPTURE(differences);
  REQUIRE(differences.empty());
  REQUIRE(ledger.change_count() >= load.changes());
}

TEST_CASE("kill -9 of a process of Postgres, 100 times: no change without its audit entry",
          "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  ChangeLedger ledger(service);
  ChangeLoad load(service);
  pid_t victim = 0;
  for (int kill = 0; kill < kTries; ++kill) {
    const int before = load.changes();
    // The server then ends all of its processes, and starts again from its write-ahead log.
    wait_until("changes, and a session", [&] {
      if (load.changes() <= before + kill % 5) return false;
      victim = find_victim(database);
      return victim != 0 && ::kill(victim, SIGKILL) == 0;
    });
  }
  // Until the server has noticed the last one, it goes on; what is counted then may be from before.
  wait_until("the end of the last process", [&] { return ::kill(victim, 0) != 0; });
  wait_until("the database", [&] { return answers(database); });
  const int before = load.changes();
  wait_until("changes", [&] { return load.changes() > before; });
  REQUIRE(load.stop().empty());
  const std::vector<std::string> differences = ledger.differences();
  CAPTURE(differences);
  REQUIRE(differences.empty());
  REQUIRE(ledger.change_count() >= load.changes());
}

TEST_CASE("kill -9 while a producer sends each append until it is answered: one set of events each",
          "[racing]") {
  Service service;
  std::atomic<bool> is_over{false};
  std::atomic<int> appended{0};
  std::vector<std::string> actions;
  std::set<int> wrong;
  std::jthread producer([&, client = service.client()]() mutable {
    while (!is_over) {
      const std::string action = unique_name("once");
      const Json body = Json::array({{{"action", action}}, {{"action", action}}});
      const HttpRequest request{.method = "POST",
                                .path = "/v1/audit",
                                .body = body.dump(),
                                .headers = {"Idempotency-Key: " + action}};
      int status = 0;
      while (status != 201) {
        status = client.send(request).status;
        if (status != 201 && status < 502) wrong.insert(status);
      }
      actions.push_back(action);
      ++appended;
    }
  });
  for (int i = 0; i < kTries; ++i) {
    service.stop_function("audit_append", SIGKILL);
    service.start_function("audit_append");
    // Now at once, now after some success.
    const int before = appended;
    wait_until("appends", [&] { return appended >= before + i % 4; });
  }
  is_over = true;
  producer.join();
  REQUIRE(wrong.empty());
  REQUIRE(actions.size() > 10);
  HttpClient client = service.client();
  for (const std::string& action : actions) {
    CAPTURE(action);
    REQUIRE(client.get("/v1/audit?action=" + action).json().at("events").size() == 2);
  }
}

}  // namespace registry::test
