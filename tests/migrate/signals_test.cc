#include <signal.h>

#include "tests/migrate/fixture.h"

// SIGINT and SIGTERM: the first lets the running migration finish, the second does not.
namespace registry::test {
namespace {

class Stopped : public Migrate {
 public:
  Stopped() {
    add_three();
    add("0001_one.up.sql", "CREATE TABLE one (id bigint);\n" + std::string(Gate::kSql));
  }
};

}  // namespace

TEST_CASE_METHOD(Stopped, "signal: one lets the migration finish, and says what is left") {
  for (const int number : {SIGINT, SIGTERM}) {
    CAPTURE(number);
    Gate gate(database());
    Run up = start({"up"});
    gate.wait_for_arrival();
    up.signal(number);
    CHECK(up.is_running());
    gate.open();
    CHECK(up.wait() == exits(0));
    CHECK(up.errors() == containing("1/u one ("));
    CHECK_FALSE(up.errors() == containing("2/u two ("));
    for (const char* part : {"left", "two", "three"}) CHECK(up.errors() == containing(part));
    CHECK(version() == "1 clean");
    CHECK(tables() == "one");
    REQUIRE(run({"down", "-all"}) == exits(0));
  }
}

TEST_CASE_METHOD(Stopped, "signal: one during the last migration leaves nothing to do") {
  Gate gate(database());
  Run up = start({"up", "1"});
  gate.wait_for_arrival();
  up.signal(SIGTERM);
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(version() == "1 clean");
}

TEST_CASE_METHOD(Stopped, "signal: two cancel the statement and roll back") {
  const std::vector<std::pair<int, int>> pairs{
      {SIGINT, SIGINT}, {SIGTERM, SIGTERM}, {SIGINT, SIGTERM}};
  for (const auto& [first, second] : pairs) {
    CAPTURE(first, second);
    Gate gate(database());
    Run up = start({"up"});
    gate.wait_for_arrival();
    up.signal(first);
    CHECK(up.is_running());
    up.signal(second);
    CHECK(up.wait() == exits(1));
    CHECK((version() == "empty" || version() == "absent"));
    CHECK(tables().empty());
    wait_until("no session of the program", [&] { return database().other_sessions() == 1; });
  }
}

TEST_CASE_METHOD(Stopped, "signal: one on the way down finishes that step") {
  add("0003_three.down.sql", std::string(Gate::kSql) + "DROP TABLE three;\n");
  {
    Gate gate(database());
    gate.open();
    REQUIRE(run({"up"}) == exits(0));
  }
  Gate gate(database());
  Run down = start({"down", "-all"});
  gate.wait_for_arrival();
  down.signal(SIGINT);
  gate.open();
  CHECK(down.wait() == exits(0));
  CHECK(version() == "2 clean");
  CHECK(tables() == "one two");
}

TEST_CASE_METHOD(Stopped, "signal: two in a file without a transaction leave it dirty") {
  add("0001_one.up.sql", "-- migrate:no-transaction\nCREATE TABLE one (id bigint);\n" +
                             std::string(Gate::kSql) + "CREATE TABLE more (id bigint);\n");
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  up.signal(SIGTERM);
  up.signal(SIGTERM);
  CHECK(up.wait() == exits(1));
  CHECK(version() == "1 dirty");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Stopped, "signal: one in a file without a transaction lets all of it finish") {
  add("0001_one.up.sql", "-- migrate:no-transaction\nCREATE TABLE one (id bigint);\n" +
                             std::string(Gate::kSql) + "CREATE TABLE more (id bigint);\n");
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  up.signal(SIGINT);
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "more one");
}

TEST_CASE_METHOD(Stopped, "signal: one ends a runner that waits for its turn, unchanged") {
  Gate gate(database());
  Run first = start({"up"});
  gate.wait_for_arrival();
  Run second = start({"up", "--lock-timeout", "10m"});
  wait_until("the second runner to come", [&] { return database().other_sessions() == 3; });
  second.signal(SIGTERM);
  CHECK(second.wait().exit_code >= 0);
  CHECK(first.is_running());
  gate.open();
  CHECK(first.wait() == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Stopped, "signal: two cancel a COMMIT that hangs") {
  sql("CREATE TABLE slow (id bigint); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
      " $f$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $f$;"
      "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION wait()");
  add("0001_one.up.sql", "INSERT INTO slow VALUES (1);\n");
  Run up = start({"up"});
  wait_until("a COMMIT that hangs", [&] {
    return sql("SELECT count(*)" + std::string(Database::kOtherSessions) +
               " AND query = 'COMMIT' AND wait_event = 'PgSleep'") == "1";
  });
  up.signal(SIGTERM);
  CHECK(up.is_running());
  up.signal(SIGTERM);
  CHECK(up.wait() == exits(1));
  CHECK(up.errors() == containing("cancelled"));
  CHECK(sql("SELECT count(*) FROM slow") == "0");
}

TEST_CASE_METHOD(Stopped, "signal: a third one leaves, whatever the server does") {
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  const pid_t server = std::stoi(sql("SELECT pid" + std::string(Database::kOtherSessions) +
                                     " AND query LIKE '%PERFORM pg_sleep%'"));
  REQUIRE(::kill(server, SIGSTOP) == 0);
  for (int i = 0; i < 3; ++i) up.signal(SIGTERM);
  CHECK(up.wait() == exits(1));
  REQUIRE(::kill(server, SIGCONT) == 0);
  CHECK(up.errors() == containing("nobody knows whether it took effect"));
}

TEST_CASE_METHOD(Stopped, "signal: two end a COMMIT that no standby confirms, which has happened") {
  PostgresCluster cluster;
  Session session(cluster.url());
  session.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  session.sql("SELECT pg_reload_conf()");
  const TempFolder source;
  write_file(source.path() + "/0001_one.up.sql", "CREATE TABLE one (id bigint);\n");
  Run up({"up", "--source", source.path()}, cluster.url() + "&options=-csynchronous_commit%3Don");
  wait_until("a COMMIT that waits for a standby", [&] {
    return session.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  });
  up.signal(SIGTERM);
  CHECK(up.is_running());
  up.signal(SIGTERM);
  CHECK(up.wait() == exits(0));
  CHECK(up.errors() == containing("canceling wait for synchronous replication"));
  CHECK(session.sql("SELECT version, dirty FROM schema_migrations") == "1|f");
}

}  // namespace registry::test
