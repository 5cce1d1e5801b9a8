#include <chrono>
#include <sstream>
#include <thread>

#include <signal.h>

#include "common/store/postgres/pool.h"
#include "common/store/postgres/postgres_store.h"
#include "tests/integration/database_fault.h"
#include "tests/support/wait.h"

// A database that is away, locked, or not the one that it should be: the functions stay up, answer
// 503 in time, and serve again by themselves.
namespace registry::test {
namespace {

using Clock = std::chrono::steady_clock;

// How long an answer may take while the database is away, and a recovery once it is back: what is
// promised, not a measure of speed.
constexpr std::chrono::seconds kPromise{2};

std::string audit_events(const OwnDatabase& database) {
  return database.value("SELECT count(*) FROM audit_log");
}

void require_outage(Service& service) {
  HttpClient client = service.client();
  for (const Call& call : calls_of_every_operation()) {
    CAPTURE(call.operation);
    const auto start = Clock::now();
    const HttpResponse response = client.send(call.request);
    const bool is_in_time = Clock::now() - start < kPromise;
    REQUIRE(is_in_time);
    if (needs_no_database(call.operation)) {
      REQUIRE(response.status == 200);
      continue;
    }
    require_problem(response, 503, "unavailable");
    REQUIRE(response.header("retry-after") == "1");
  }
  REQUIRE(unready_detail(client) == "There is no connection to the database.");
}

// Requires that every operation is answered again within kPromise from now on.
void require_recovery(Service& service) {
  HttpClient client = service.client();
  const auto end = Clock::now() + kPromise;
  for (const Call& call : calls_of_every_operation()) {
    CAPTURE(call.operation);
    HttpResponse response;
    wait_until(call.operation, [&] {
      response = client.send(call.request);
      return response.status != 503;
    });
    const bool is_in_time = Clock::now() < end;
    REQUIRE(is_in_time);
    REQUIRE(response.status == call.status);
  }
}

// Stops the server's processes as a debugger does, as long as this lives: connections to it stay
// open, and nothing comes through them.
class Frozen {
 public:
  explicit Frozen(const OwnDatabase& database) {
    std::istringstream pids(database.cluster.sql(
        database.name,
        "SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1);"
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tenant-registry'"));
    for (pid_t pid = 0; pids >> pid;) pids_.push_back(pid);
    signal(SIGSTOP);
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { signal(SIGCONT); }

 private:
  void signal(int number) const {
    for (const pid_t pid : pids_) ::kill(pid, number);
  }

  std::vector<pid_t> pids_;
};

Output migrate(const std::string& url, const std::string& command) {
  return run_program({.arguments = {build_folder() + "/migrations/migrate", command},
                      .environment = {{"DATABASE_URL", url}}});
}

}  // namespace

TEST_CASE("database stopped: each operation is 503 within 2 s, and serves within 2 s of its start",
          "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  require_recovery(service);
  for (const auto how : {PostgresCluster::Stop::kFast, PostgresCluster::Stop::kImmediate}) {
    CAPTURE(how == PostgresCluster::Stop::kFast);
    const std::string before = audit_events(database);
    database.cluster.stop(how);
    require_outage(service);
    require_outage(service);  // also when nobody has a connection any more
    database.cluster.start();
    REQUIRE(audit_events(database) == before);
    require_recovery(service);
  }
  survival.require();
}

TEST_CASE("database away at the start: functions start, answer 503, and serve once it is there",
          "[postgres]") {
  OwnDatabase database;
  database.cluster.stop();
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  require_outage(service);
  database.cluster.start();
  require_recovery(service);
  survival.require();
}

TEST_CASE("sessions ended while idle: nobody notices", "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  require_recovery(service);
  const auto require_served = [&] {
    HttpClient client = service.client();
    for (const Call& call : calls_of_every_operation()) {
      CAPTURE(call.operation);
      REQUIRE(client.send(call.request).status == call.status);
    }
  };
  const std::string killed = database.value(
      "WITH idle AS MATERIALIZED ("
      " SELECT pid FROM pg_stat_activity WHERE application_name = 'tenant-registry')"
      " SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM idle");
  REQUIRE(std::stoi(killed) >= 15);  // one of each function that uses the database
  require_served();
  database.cluster.stop();
  database.cluster.start();
  require_served();
  survival.require_processes();
  REQUIRE(service.log_problems().empty());
}

TEST_CASE("a server that hangs: 503 in bounded time, and served again once it goes on",
          "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  HttpClient client = service.client();
  const std::string path = "/v1/tenants/by-slug/acme";
  REQUIRE(client.get(path).status == 200);
  {
    const Frozen frozen(database);
    // With the connection that it had, then with a new one, then without trying.
    for (int i = 0; i < 3; ++i) {
      const auto start = Clock::now();
      const HttpResponse response = client.get(path);
      const bool is_in_time = Clock::now() - start < postgres::kAnswerLimit + kPromise;
      REQUIRE(is_in_time);
      require_problem(response, 503, "unavailable");
      REQUIRE(response.header("retry-after") == "1");
    }
    REQUIRE(client.get("/v1/catalog").status == 200);
  }
  require_recovery(service);
  survival.require();
}

TEST_CASE("schema missing: not ready, 503, and ready after migrate up without a restart",
          "[postgres]") {
  PostgresCluster& cluster = shared_cluster();
  const std::string name = cluster.create_database();
  Service service(Environment{{"DATABASE_URL", cluster.url(name)}});
  const Survival survival(service);
  HttpClient client = service.client();
  const std::string needed = std::to_string(postgres::kNeededSchemaVersion);
  const auto require_unready = [&] {
    const std::string detail = unready_detail(client);
    CAPTURE(detail);
    REQUIRE(detail.find("version " + needed) != std::string::npos);
    require_problem(client.get("/v1/tenants/by-slug/acme"), 503, "unavailable");
  };
  require_unready();
  REQUIRE(migrate(cluster.url(name), "up").exit_code == 0);
  REQUIRE(client.get("/readyz").json().at("schema_version") == postgres::kNeededSchemaVersion);
  const Json tenant = make_tenant(client);
  REQUIRE(client.get("/v1/tenants/" + tenant.at("id").get<std::string>()).json() == tenant);
  for (const Call& call : calls_of_every_operation()) {
    CAPTURE(call.operation);
    REQUIRE(client.send(call.request).status < 500);
  }
  survival.require_processes();
}

TEST_CASE("schema version: a newer one is ready, dirty or not; an older or unfinished one is not",
          "[postgres]") {
  PostgresCluster& cluster = shared_cluster();
  const std::string name = cluster.create_registry_database();
  Service service(Environment{{"DATABASE_URL", cluster.url(name)}});
  HttpClient client = service.client();
  const int needed = postgres::kNeededSchemaVersion;
  const auto set_version = [&](int version, bool is_dirty) {
    cluster.sql(name, "UPDATE schema_migrations SET version = " + std::to_string(version) +
                          ", dirty = " + (is_dirty ? "true" : "false"));
  };
  for (const bool is_dirty : {false, true}) {
    CAPTURE(is_dirty);
    set_version(needed + 1, is_dirty);
    const HttpResponse response = client.get("/readyz");
    REQUIRE(response.status == 200);
    REQUIRE(response.json().at("schema_version") == needed + 1);
    set_version(needed - 1, is_dirty);
    REQUIRE(unready_detail(client).find("version " + std::to_string(needed - 1)) !=
            std::string::npos);
  }
  set_version(needed, true);
  REQUIRE(unready_detail(client).find("(dirty)") != std::string::npos);
  cluster.sql(name, "DELETE FROM schema_migrations");
  REQUIRE(unready_detail(client).find("no version") != std::string::npos);
}

TEST_CASE("two hosts: while the first refuses, the second serves", "[postgres]") {
  OwnDatabase database;
  const std::string nobody = "127.0.0.1:" + std::to_string(free_port());
  Service service(Environment{
      {"DATABASE_URL", "postgresql://registry@" + nobody + "," + database.cluster.tcp_address() +
                           "/" + database.name + "?target_session_attrs=read-write"}});
  const Survival survival(service);
  require_recovery(service);
  survival.require();
}

TEST_CASE("a locked row: its writes are 503 in time, all else goes on, and nothing was written",
          "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  HttpClient client = service.client();
  const Json tenant = make_tenant(client);
  const std::string path = "/v1/tenants/" + tenant.at("id").get<std::string>();
  {
    postgres::Connection other({.url = database.url()});
    const postgres::Transaction transaction(other);
    other.query("SELECT FROM tenants WHERE slug = $1 FOR UPDATE",
                tenant.at("slug").get<std::string>());
    HttpResponse blocked;
    std::atomic<bool> is_answered{false};
    const auto start = Clock::now();
    std::jthread caller([&] {
      HttpClient own = service.client();
      blocked = own.post(path + "/activate");
      is_answered = true;
    });
    wait_until("the write to wait", [&] {
      return database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0";
    });
    REQUIRE(client.get(path).json() == tenant);
    const Json neighbour = make_tenant(client);
    REQUIRE(
        client.post("/v1/tenants/" + neighbour.at("id").get<std::string>() + "/activate").status ==
        200);
    REQUIRE_FALSE(is_answered);
    caller.join();
    const bool is_in_time = Clock::now() - start < postgres::kLockTimeout + kPromise;
    REQUIRE(is_in_time);
    require_problem(blocked, 503, "unavailable");
    REQUIRE(blocked.header("retry-after") == "1");
  }
  REQUIRE(client.get(path).json() == tenant);
  REQUIRE(client.post(path + "/activate").status == 200);
  REQUIRE(database.value("SELECT string_agg(action, ' ' ORDER BY id) FROM audit_log"
                         " WHERE tenant_id = '" +
                         tenant.at("id").get<std::string>() + "'") ==
          "tenant.create tenant.activate");
  survival.require_processes();
}

}  // namespace registry::test
