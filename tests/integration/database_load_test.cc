#include <exception>
#include <string>

#include <signal.h>

#include "common/store/postgres/connection.h"
#include "tests/integration/database_fault.h"
#include "tests/support/wait.h"

// What clients are answered while the sessions and the processes of the database are killed.
namespace registry::test {
namespace {

constexpr int kLoadClients = 6;

// How many sessions were killed, and how many of them in the middle of a request.
struct Kills {
  int all = 0;
  int in_request = 0;
};

// Goes on until there are at least as many kills and complete lives.
struct Goal {
  Kills kills;
  int lives = 0;
};

// Kills every session of a database but our own.
Kills kill_sessions(postgres::Connection& killer, const std::string& database) {
  const postgres::Rows rows = killer.query(
      "SELECT count(*) FILTER (WHERE killed), count(*) FILTER (WHERE killed AND in_request)"
      " FROM (SELECT pg_terminate_backend(pid) AS killed, state <> 'idle' AS in_request"
      "  FROM pg_stat_activity"
      "  WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend') k",
      database);
  return {.all = static_cast<int>(rows.get<std::int64_t>(0, 0)),
          .in_request = static_cast<int>(rows.get<std::int64_t>(0, 1))};
}

Kills kill_sessions_under(TenantLives& lives, const OwnDatabase& database, const Goal& goal) {
  postgres::Connection killer({.url = database.cluster.url()});
  Kills kills;
  for (int round = 0; kills.all < goal.kills.all || kills.in_request < goal.kills.in_request ||
                      lives.completed() < goal.lives;
       ++round) {
    const Kills now = kill_sessions(killer, database.name);
    kills.all += now.all;
    kills.in_request += now.in_request;
    // Now at once, now after some success.
    const int before = lives.answers();
    wait_until("more answers", [&] { return lives.answers() >= before + round % 8 * 5; });
  }
  return kills;
}

// The server's process for a session of the service, once there is one: the server may still be
// busy with the recovery from the last crash.
std::string session_of(const OwnDatabase& database) {
  std::string pid;
  wait_until("a session", [&] {
    try {
      pid = database.value("SELECT pid FROM pg_stat_activity WHERE datname = '" + database.name +
                           "' AND application_name = 'tenant-registry' LIMIT 1");
    } catch (const std::exception&) {
      return false;
    }
    return !pid.empty();
  });
  return pid;
}

}  // namespace

TEST_CASE("sessions killed under load: only right answers or 503, no write lost or doubled",
          "[postgres]") {
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  TenantLives lives(service, kLoadClients);
  const Goal goal{.kills = {.all = 400, .in_request = 50}, .lives = 200};
  const Kills kills = kill_sessions_under(lives, database, goal);
  lives.require_all_well(database.cluster, database.name);
  survival.require();
  // The kills are worth something only while requests notice them.
  CAPTURE(kills.all, kills.in_request, lives.answers());
  REQUIRE(lives.outages() >= 20);
}

TEST_CASE("sessions killed behind PgBouncer: only right answers or 503, no write lost or doubled",
          "[postgres]") {
  OwnDatabase database;
  const PgBouncer pgbouncer(database.cluster);
  Service service(Environment{{"DATABASE_URL", pgbouncer.url(database.name)}});
  const Survival survival(service);
  TenantLives lives(service, kLoadClients);
  const Goal goal{.kills = {.all = 100, .in_request = 10}, .lives = 50};
  const Kills kills = kill_sessions_under(lives, database, goal);
  lives.require_all_well(database.cluster, database.name);
  survival.require();
  CAPTURE(kills.all, kills.in_request, lives.answers());
  REQUIRE(lives.outages() >= 5);
}

TEST_CASE("server processes killed under load: what was answered 2xx survives the recovery",
          "[postgres]") {
  constexpr int kCrashes = 4;
  constexpr int kLivesBetween = 10;
  OwnDatabase database;
  Service service(Environment{{"DATABASE_URL", database.url()}});
  const Survival survival(service);
  TenantLives lives(service, kLoadClients);
  const auto go_on = [&] {
    const int before = lives.completed();
    wait_until("complete lives", [&] { return lives.completed() >= before + kLivesBetween; });
  };
  for (int crash = 0; crash < kCrashes; ++crash) {
    go_on();
    const std::string pid = session_of(database);
    const int before = lives.outages();
    // The server then ends all of its processes, and starts again from its write-ahead log.
    REQUIRE(::kill(std::stoi(pid), SIGKILL) == 0);
    wait_until("a request to notice", [&] { return lives.outages() > before; });
  }
  go_on();
  database.cluster.stop(PostgresCluster::Stop::kImmediate);
  database.cluster.start();
  go_on();
  lives.require_all_well(database.cluster, database.name);
  survival.require();
}

TEST_CASE("failover under load: the standby takes over, and what was answered 2xx is there",
          "[postgres]") {
  constexpr int kLivesBetween = 10;
  OwnDatabase database;
  PostgresCluster standby(PostgresCluster::Standby{.of = database.cluster});
  // An answer then waits until the standby has the transaction too.
  database.cluster.sql("postgres",
                       "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()");
  wait_until("synchronous replication", [&] {
    return database.value("SELECT sync_state FROM pg_stat_replication") == "sync";
  });
  Service service(
      Environment{{"DATABASE_URL", "postgresql://registry@" + database.cluster.tcp_address() + "," +
                                       standby.tcp_address() + "/" + database.name +
                                       "?target_session_attrs=read-write"}});
  const Survival survival(service);
  TenantLives lives(service, kLoadClients);
  const auto wait_for_lives = [&] {
    const int before = lives.completed();
    wait_until("complete lives", [&] { return lives.completed() >= before + kLivesBetween; });
  };
  wait_for_lives();
  database.cluster.stop(PostgresCluster::Stop::kImmediate);
  const int before = lives.outages();
  wait_until("requests to notice", [&] { return lives.outages() >= before + kLoadClients; });
  standby.promote();
  wait_for_lives();
  lives.require_all_well(standby, database.name);
  survival.require();
}

}  // namespace registry::test
