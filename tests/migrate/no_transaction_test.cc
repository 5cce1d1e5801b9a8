#include "tests/migrate/fixture.h"

// Files that begin with `-- migrate:no-transaction` run statement by statement, and the version is
// dirty while they do, as with golang-migrate.
namespace registry::test {
namespace {

std::string outside(const std::string& statements) {
  return "-- migrate:no-transaction\n" + statements;
}

}  // namespace

TEST_CASE_METHOD(Migrate, "no-transaction: may do what Postgres refuses inside a transaction") {
  add_three();
  add("0004_index.up.sql", outside("CREATE INDEX CONCURRENTLY one_idx ON one (id);\n"
                                   "VACUUM one;\n"));
  add("0004_index.down.sql", outside("DROP INDEX CONCURRENTLY one_idx;\n"));
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "4 clean");
  CHECK(sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_idx'::regclass") == "t");
  CHECK(run({"status"}) == exits(0));
  REQUIRE(run({"down", "1"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(sql("SELECT to_regclass('one_idx')").empty());
}

TEST_CASE_METHOD(Migrate, "no-transaction: the version is dirty while it runs, and clean after") {
  add("0001_outside.up.sql", outside("CREATE TABLE a (id int);\n" + std::string(Gate::kSql) +
                                     "CREATE TABLE b (id int);\n"));
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  CHECK(version() == "1 dirty");
  CHECK(tables() == "a");
  gate.open();
  CHECK(up.wait() == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "a b");
}

TEST_CASE_METHOD(Migrate, "no-transaction: on the way down the target is dirty, -1 for nothing") {
  add("0001_a.up.sql", "");
  add("0001_a.down.sql", outside(Gate::kSql));
  add("0002_b.up.sql", "");
  add("0002_b.down.sql", outside(Gate::kSql));
  REQUIRE(run({"up"}) == exits(0));
  for (const std::string version_while_running : {"1 dirty", "-1 dirty"}) {
    Gate gate(database());
    Run down = start({"down", "1"});
    gate.wait_for_arrival();
    CHECK(version() == version_while_running);
    gate.open();
    CHECK(down.wait() == exits(0));
  }
  CHECK(version() == "empty");
}

TEST_CASE_METHOD(Migrate, "no-transaction: a failure keeps what was done and leaves it dirty") {
  add("0001_outside.up.sql",
      outside("CREATE TABLE a (id int);\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n"));
  Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("0001_outside.up.sql"));
  CHECK(up.errors == containing("already exists"));
  CHECK(version() == "1 dirty");
  CHECK(tables() == "a");
  up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("Dirty database version 1. Fix and force version."));
  CHECK(run({"force", "1"}) == exits(0));
  CHECK(run({"up"}) == exits(0));
}

TEST_CASE_METHOD(Migrate, "no-transaction: a last way down that fails leaves a dirty -1") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);\n");
  add("0001_a.down.sql", outside("DROP TABLE a;\nDROP TABLE never_made;\n"));
  REQUIRE(run({"up"}) == exits(0));
  CHECK(run({"down", "1"}) == exits(1));
  CHECK(version() == "-1 dirty");
  CHECK(tables().empty());
  CHECK(run({"version"}).errors == containing("no migration"));
  CHECK(run({"force", "-1"}) == exits(0));
  CHECK(run({"up"}) == exits(0));
}

TEST_CASE_METHOD(Migrate, "no-transaction: its errors have file, line, column and statement too") {
  add("0001_outside.up.sql", outside("CREATE TABLE a (id int);\n\nSELECT\n  wrong FROM a;\n"));
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK((up.errors == containing("0001_outside.up.sql:5:3") ||
         up.errors == containing("line 5, column 3")));
  CHECK(up.errors == containing("wrong FROM a"));
  CHECK_FALSE(up.errors == containing("CREATE TABLE a"));
}

TEST_CASE_METHOD(Migrate, "no-transaction: counts on the first line only") {
  const std::string text = GENERATE(
      as<std::string>(), "\n-- migrate:no-transaction\nCREATE TABLE a (id int);\nSELECT 1/0;\n",
      "CREATE TABLE a (id int);\n-- migrate:no-transaction\nSELECT 1/0;\n",
      "-- not migrate:no-transaction\nCREATE TABLE a (id int);\nSELECT 1/0;\n");
  CAPTURE(text);
  add("0001_inside.up.sql", text);
  CHECK(run({"up"}) == exits(1));
  CHECK((version() == "empty" || version() == "absent"));
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "no-transaction: a file without it cannot index concurrently") {
  add_three();
  add("0004_index.up.sql", "CREATE INDEX CONCURRENTLY one_idx ON one (id);\n");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("cannot run inside a transaction block"));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "no-transaction: a statement ends at its own semicolon and no other") {
  add("0001_outside.up.sql",
      outside("CREATE TABLE words (word text DEFAULT 'a;b'); -- one; two\n"
              "/* three; /* four; */ five; */\n"
              "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN\n"
              "  EXECUTE $$INSERT INTO words VALUES (';')$$; PERFORM 1;\n"
              "END; $f$;\n"
              "CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC\n"
              "  SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 1; END;\n"
              "CREATE TABLE \"t;u\" (\"v;w\" int, a$b$ int, c$b$ int);\n"
              "CREATE RULE twice AS ON INSERT TO \"t;u\" DO ALSO (\n"
              "  INSERT INTO words VALUES ('x'); INSERT INTO words VALUES ('y'));\n"
              "INSERT INTO words VALUES (E'\\';'), ('\\'), (''';');;\n"
              "INSERT INTO \"t;u\" VALUES (1);\n"
              "SELECT f(), one()"));
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "t;u words");
  CHECK(sql("SELECT string_agg(word, ' ' ORDER BY word COLLATE \"C\") FROM words") ==
        "'; '; ; \\ x y");
}

TEST_CASE_METHOD(Migrate, "no-transaction: the migrations around it keep their transactions") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);\n");
  add("0002_b.up.sql", outside("CREATE TABLE b (id int);\n"));
  add("0003_c.up.sql", "CREATE TABLE c (id int);\nSELECT 1/0;\n");
  CHECK(run({"up"}) == exits(1));
  CHECK(version() == "2 clean");
  CHECK(tables() == "a b");
}

TEST_CASE_METHOD(Migrate, "no-transaction: plan tells which run so") {
  add("0001_b.up.sql", outside("CREATE TABLE b (id int);\n"));
  CHECK(run({"plan"}).output == containing("-- migrate:no-transaction"));
}

TEST_CASE_METHOD(Migrate, "no-transaction: CREATE INDEX CONCURRENTLY passes runners that wait") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);\n");
  add("0002_index.up.sql", outside("CREATE INDEX CONCURRENTLY a_idx ON a (id);\n"));
  REQUIRE(run({"up", "1"}) == exits(0));
  // A transaction that has written to the table holds the index back while the others come.
  Session writer(database().url());
  writer.sql("BEGIN; INSERT INTO a VALUES (1)");
  std::vector<Run> runs;
  runs.push_back(start({"up"}));
  wait_until("the index to wait for the writer", [&] {
    return sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
               " AND wait_event_type = 'Lock' AND query LIKE '%CONCURRENTLY%'") == "1";
  });
  for (int i = 0; i < 3; ++i) runs.push_back(start({"up"}));
  wait_until("three runners that wait", [&] { return database().other_sessions() == 5; });
  writer.sql("COMMIT");
  for (Run& run : runs) {
    CHECK(run.wait() == exits(0));
    CHECK_FALSE(run.errors() == containing("deadlock"));
  }
  CHECK(version() == "2 clean");
  CHECK(sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_idx'::regclass") == "t");
}

}  // namespace registry::test
