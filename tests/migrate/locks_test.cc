#include <cstdint>
#include <set>
#include <sstream>

#include "tests/migrate/fixture.h"

// The advisory locks that keep runners apart, golang-migrate's among them, and the locks on tables
// that migrations must not wait for in everybody's way.
namespace registry::test {
namespace {

// CRC-32 of IEEE 802.3, bit by bit.
std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t rest = 0xffffffff;
  for (const char byte : bytes) {
    rest ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0xedb88320 : 0);
  }
  return ~rest;
}

// golang-migrate's id of a lock; its product wraps at 32 bits.
std::string lock_id(const std::string& schema, const std::string& database) {
  const std::string separator(1, '\0');
  const std::uint32_t sum = crc32(schema + separator + "schema_migrations" + separator + database);
  return std::to_string(sum * std::uint32_t{1486364155});
}

// The one-bigint advisory locks that anybody holds in the database, the gate's apart.
std::set<std::string> locks_held(Database& database) {
  const std::string rows = database.sql(
      "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory'"
      " AND objsubid = 1 AND granted AND database ="
      " (SELECT oid FROM pg_database WHERE datname = current_database())");
  std::set<std::string> ids;
  std::istringstream lines(rows);
  for (std::string id; std::getline(lines, id);) {
    if (id != Gate::kId) ids.insert(id);
  }
  return ids;
}

// The locks while a migration runs in this database.
std::set<std::string> locks_while_migrating(Database& database, const std::string& suffix = {}) {
  const TempFolder source;
  write_file(source.path() + "/0001_gate.up.sql", Gate::kSql);
  Gate gate(database);
  Run up({"up", "--source", source.path()}, database.url() + suffix);
  gate.wait_for_arrival();
  std::set<std::string> ids = locks_held(database);
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(locks_held(database).empty());
  return ids;
}

class Locks : public Migrate {
 public:
  Locks() { add_three(); }

  [[nodiscard]] std::string slash_id() { return lock_id("public", "/" + database().name()); }
  [[nodiscard]] std::string plain_id() { return lock_id("public", database().name()); }
};

// A transaction that reads a table and stays open: ACCESS SHARE.
class LongQuery {
 public:
  LongQuery(const Database& database, const std::string& table) : session_(database.url()) {
    session_.sql("BEGIN; SELECT count(*) FROM " + table);
  }
  void end() { session_.sql("COMMIT"); }

 private:
  Session session_;
};

}  // namespace

TEST_CASE("locks: the ids are golang-migrate's") {
  CHECK(lock_id("public", "tenants") == "1994153252");
  CHECK(lock_id("public", "/tenants") == "825605255");
  CHECK(lock_id("public", "postgres") == "143310882");
  CHECK(lock_id("public", "/postgres") == "3280485947");
}

TEST_CASE("locks: both forms are held while a migration runs in `tenants`") {
  Database tenants("tenants");
  CHECK(locks_while_migrating(tenants) == std::set<std::string>{"1994153252", "825605255"});
}

TEST_CASE("locks: both forms are held while a migration runs in `postgres`") {
  Session postgres(shared_cluster().url("postgres"));
  const TempFolder source;
  write_file(source.path() + "/0001_look.up.sql",
             "CREATE TABLE locks_seen AS SELECT objid::bigint AS id FROM pg_locks"
             " WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid = 0"
             " AND pid = pg_backend_pid();\n");
  const Output up = run_migrate({"up", "--source", source.path()},
                                environment_for(shared_cluster().url("postgres")));
  REQUIRE(up == exits(0));
  CHECK(postgres.sql("SELECT id FROM locks_seen ORDER BY id") == "143310882\n3280485947");
  postgres.sql("DROP TABLE locks_seen, schema_migrations, schema_migrations_history");
}

TEST_CASE_METHOD(Locks, "locks: the schema is part of the ids") {
  sql("CREATE SCHEMA other");
  CHECK(locks_while_migrating(database(), "&options=-csearch_path%3Dother") ==
        std::set<std::string>{lock_id("other", "/" + database().name()),
                              lock_id("other", database().name())});
}

TEST_CASE_METHOD(Locks, "locks: a session that asks for either form gets none while we migrate") {
  add("0001_one.up.sql", "CREATE TABLE one (id bigint);\n" + std::string(Gate::kSql));
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  CHECK(sql("SELECT pg_try_advisory_lock(" + slash_id() + ")") == "f");
  CHECK(sql("SELECT pg_try_advisory_lock(" + plain_id() + ")") == "f");
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(sql("SELECT pg_try_advisory_lock(" + slash_id() + ")") == "t");
  CHECK(sql("SELECT pg_try_advisory_lock(" + plain_id() + ")") == "t");
}

TEST_CASE_METHOD(Locks, "locks: a session with either form keeps us out until the timeout") {
  for (const std::string& id : {slash_id(), plain_id()}) {
    CAPTURE(id);
    Session other(database().url());
    other.sql("SELECT pg_advisory_lock(" + id + ")");
    for (const Arguments& arguments : {Arguments{"up"}, Arguments{"force", "1"}}) {
      Arguments with_timeout = arguments;
      with_timeout.insert(with_timeout.end(), {"--lock-timeout", "100ms"});
      const Output result = run(with_timeout);
      CHECK(result == exits(1));
      CHECK(result.errors == containing("timeout: can't acquire database lock"));
      CHECK(result.output.empty());
    }
    CHECK(version() == "absent");
    CHECK(tables().empty());
    CHECK(locks_held(database()) == std::set<std::string>{id});
  }
}

TEST_CASE_METHOD(Locks, "locks: a runner that waits gets its turn") {
  for (const std::string& id : {slash_id(), plain_id()}) {
    CAPTURE(id);
    Session other(database().url());
    other.sql("SELECT pg_advisory_lock(" + id + ")");
    Run up = start({"up", "1"});
    wait_until("a runner that asks for the lock",
               [&] { return up.is_running() && database().other_sessions() == 2; });
    CHECK((version() == "absent" || version() == "1 clean"));
    other.sql("SELECT pg_advisory_unlock(" + id + ")");
    CHECK(up.wait() == exits(0));
  }
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Locks, "locks: the form with the slash is taken first") {
  Session other(database().url());
  other.sql("SELECT pg_advisory_lock(" + slash_id() + ")");
  Run up = start({"up", "--lock-timeout", "300ms"});
  std::set<std::string> seen;
  wait_until("the runner to give up", [&] {
    seen.merge(locks_held(database()));
    return !up.is_running();
  });
  CHECK(up.wait() == exits(1));
  CHECK(seen == std::set<std::string>{slash_id()});
}

TEST_CASE_METHOD(Locks, "locks: while it waits, a runner has no transaction and no lock request") {
  Session other(database().url());
  other.sql("SELECT pg_advisory_lock(" + plain_id() + ")");
  Run up = start({"up", "--lock-timeout", "300ms"});
  bool has_waited_in_server = false;
  bool has_snapshot_while_idle = false;
  wait_until("the runner to give up", [&] {
    has_waited_in_server |= sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0";
    has_snapshot_while_idle |= sql("SELECT count(*)" + std::string(Database::kOtherSessions) +
                                   " AND (state LIKE 'idle in transaction%'"
                                   " OR state = 'idle' AND backend_xmin IS NOT NULL)") != "0";
    return !up.is_running();
  });
  CHECK_FALSE(has_waited_in_server);
  CHECK_FALSE(has_snapshot_while_idle);
}

TEST_CASE_METHOD(Locks, "locks: commands that only look do not wait for a migration") {
  add("0001_one.up.sql", "CREATE TABLE one (id bigint);\n" + std::string(Gate::kSql));
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  CHECK(run({"version"}) == exits(1));
  CHECK(run({"status"}) == exits(3));
  CHECK(run({"plan"}) == exits(0));
  CHECK(up.is_running());
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Locks, "locks: of twenty runners at once one applies, and all exit 0") {
  sql("CREATE TABLE runs (version int)");
  add("0002_two.up.sql",
      "INSERT INTO runs VALUES (2);\nDO $$ BEGIN RAISE NOTICE 'second applied'; END $$;\n");
  add("0003_three.up.sql", "INSERT INTO runs VALUES (3);\nSELECT pg_sleep(0.05);\n");
  std::vector<Run> runs;
  for (int i = 0; i < 20; ++i) runs.push_back(start({"up"}));
  int applied = 0;
  int unchanged = 0;
  for (Run& run : runs) {
    CHECK(run.wait() == exits(0));
    applied += run.errors() == containing("second applied") ? 1 : 0;
    unchanged += run.errors() == containing("no change") ? 1 : 0;
  }
  CHECK(applied == 1);
  CHECK(unchanged == 19);
  CHECK(version() == "3 clean");
  CHECK(sql("SELECT version, count(*) FROM runs GROUP BY 1 ORDER BY 1") == "2|1\n3|1");
  CHECK(sql("SELECT count(*), count(DISTINCT version) FROM schema_migrations_history") == "3|3");
}

TEST_CASE_METHOD(Locks, "locks: runners of different schemas do not wait for each other") {
  sql("CREATE SCHEMA other");
  Session holder(database().url());
  holder.sql("SELECT pg_advisory_lock(" + plain_id() + ")");
  CHECK(run_with("&options=-csearch_path%3Dother", {"up"}) == exits(0));
}

TEST_CASE_METHOD(Locks, "lock_timeout: a migration behind a long query lets others pass") {
  REQUIRE(run({"up", "1"}) == exits(0));
  add("0002_two.up.sql", "ALTER TABLE one ADD COLUMN more text;\n");
  LongQuery long_query(database(), "one");
  Run up = start({"up", "1"});
  wait_until("the migration to wait for the long query", [&] {
    return sql("SELECT count(*) FROM pg_locks WHERE NOT granted"
               " AND relation = 'one'::regclass") == "1";
  });
  // Behind the migration in the queue, until that gives up its place.
  Session other(database().url());
  other.start("SELECT count(*) FROM one");
  wait_until("another reader to pass", [&] { return other.has_answered(); });
  CHECK(sql("SELECT count(*) FROM pg_locks WHERE relation = 'one'::regclass AND granted") != "0");
  long_query.end();
  CHECK(up.wait() == exits(0));
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Locks, "lock_timeout: a migration that never gets its lock fails, clean") {
  REQUIRE(run({"up", "1"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint);\nALTER TABLE one ADD more text;\n");
  LongQuery long_query(database(), "one");
  Run up = start({"up", "--lock-timeout", "200ms"});
  CHECK(up.wait() == exits(1));
  CHECK(up.errors() == containing("lock"));
  CHECK(up.errors() == containing("0002_two.up.sql"));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Locks, "lock_timeout: whoever holds the lock is named") {
  REQUIRE(run({"up", "1"}) == exits(0));
  add("0002_two.up.sql", "ALTER TABLE one ADD more text;\n");
  LongQuery long_query(database(), "one");
  const Output up = run({"up", "--lock-timeout", "200ms"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("SELECT count(*) FROM one"));
}

TEST_CASE_METHOD(Locks, "lock_timeout: a locked schema_migrations stops every command in time") {
  REQUIRE(run({"up", "1"}) == exits(0));
  Session other(database().url());
  other.sql("BEGIN; LOCK TABLE schema_migrations");
  for (const Arguments& arguments :
       {Arguments{"up"}, Arguments{"down", "1"}, Arguments{"goto", "2"}, Arguments{"force", "1"},
        Arguments{"version"}, Arguments{"status"}, Arguments{"plan"}, Arguments{"validate"}}) {
    CAPTURE(arguments);
    Arguments with_timeout = arguments;
    with_timeout.insert(with_timeout.end(), {"--lock-timeout", "100ms"});
    const Output result = run(with_timeout);
    CHECK(result == exits(1));
    CHECK(result.errors == containing("another session has locked it"));
    CHECK(result.errors == containing("LOCK TABLE schema_migrations"));
  }
  other.sql("ROLLBACK");
  CHECK(version() == "1 clean");
}

TEST_CASE_METHOD(Locks, "lock_timeout: one that a migration sets is not that of the version") {
  add("0001_one.up.sql", "SET lock_timeout = 0;\n" + std::string(Gate::kSql));
  sql("CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT "
      "NULL)");
  Gate gate(database());
  Run up = start({"up", "--lock-timeout", "100ms"});
  gate.wait_for_arrival();
  Session other(database().url());
  other.sql("BEGIN; LOCK TABLE schema_migrations");
  gate.open();
  const Output result = up.wait();
  CHECK(result == exits(1));
  CHECK(result.errors == containing("lock timeout"));
}

TEST_CASE_METHOD(Locks, "locks: a migration that lets go of them is the last one to run") {
  add("0001_one.up.sql", "SELECT pg_advisory_unlock_all();\n");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("the lock that keeps other runs out is gone"));
  CHECK(version() == "1 clean");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Locks, "pooler: nothing is changed through one, and no lock stays behind") {
  REQUIRE(run({"up", "2"}) == exits(0));
  const std::string url = shared_pgbouncer().url(database().name());
  for (const Arguments& arguments :
       {Arguments{"up"}, Arguments{"down", "1"}, Arguments{"goto", "3"}, Arguments{"force", "1"}}) {
    CAPTURE(arguments);
    const Output result = run_migrate(with_source(arguments), environment_for(url));
    CHECK(result == exits(1));
    CHECK(result.errors == containing("pooler"));
  }
  CHECK(version() == "2 clean");
  CHECK(locks_held(database()).empty());
  CHECK(run_migrate(with_source({"status"}), environment_for(url)) == exits(3));
  CHECK(run_migrate(with_source({"plan"}), environment_for(url)) == exits(0));
  CHECK(run_migrate({"version"}, environment_for(url)).output == "2\n");
}

TEST_CASE_METHOD(Locks, "locks: a runner that waits is not too idle for the server") {
  Session other(database().url());
  other.sql("SELECT pg_advisory_lock(" + slash_id() + ")");
  const Output up =
      run_with("&options=-cidle_session_timeout%3D100", {"up", "--lock-timeout", "800ms"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("timeout: can't acquire database lock"));
}

}  // namespace registry::test
