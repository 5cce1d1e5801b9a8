#include <regex>

#include "tests/migrate/fixture.h"

// A migration that fails, and files that would leave the transaction they run in.
namespace registry::test {
namespace {

class Failing : public Migrate {
 public:
  Failing() {
    add_three();
    REQUIRE(run({"up", "1"}) == exits(0));
    history_ = database().history();
    catalog_ = shared_cluster().schema_dump(database().name());
  }

  // Replaces what comes next, runs it, and proves that nothing of it is left.
  Output fail_with(const std::string& text, const Arguments& arguments = {"up"}) {
    CAPTURE(text);
    add("0002_two.up.sql", text);
    Output up = run(arguments);
    CHECK(up == exits(1));
    check_unchanged();
    return up;
  }

  void check_unchanged() {
    CHECK(version() == "1 clean");
    CHECK(database().history() == history_);
    CHECK(shared_cluster().schema_dump(database().name()) == catalog_);
  }

 private:
  std::string history_;
  std::string catalog_;
};

}  // namespace

TEST_CASE_METHOD(Failing, "error: shows file, line, column and statement; nothing has changed") {
  const Output up = fail_with(
      "-- Größe und Länge\n"
      "CREATE TABLE two (id bigint);\n"
      "\n"
      "INSERT INTO two\n"
      "  SELECT no_such_column FROM one;\n"
      "CREATE TABLE never (id bigint);\n");
  CHECK(up.errors == containing("0002_two.up.sql"));
  CHECK(std::regex_search(up.errors, std::regex(R"(:5:10\b|line 5, column 10\b)")));
  CHECK(up.errors == containing("column \"no_such_column\" does not exist"));
  CHECK(up.errors == containing("INSERT INTO two"));
  CHECK(up.errors == containing("SELECT no_such_column FROM one"));
  CHECK_FALSE(up.errors == containing("CREATE TABLE never"));
  CHECK(up.output.empty());
}

TEST_CASE_METHOD(Failing, "error: one without a position shows the line of its statement") {
  const Output up = fail_with(
      "CREATE TABLE two (id bigint PRIMARY KEY);\n"
      "INSERT INTO two VALUES (1);\n"
      "  -- once more\n"
      "  INSERT INTO two VALUES (1);\n");
  CHECK(up.errors == containing("0002_two.up.sql"));
  CHECK(std::regex_search(up.errors, std::regex(R"(:4\b|line 4\b)")));
  CHECK(up.errors == containing("INSERT INTO two VALUES (1)"));
  CHECK(up.errors == containing("duplicate key"));
}

TEST_CASE_METHOD(Failing, "error: a syntax error anywhere leaves the statements before it undone") {
  const Output up = fail_with("CREATE TABLE two (id bigint);\nCREATE TABEL three ();\n");
  CHECK(std::regex_search(up.errors, std::regex(R"(:2:8\b|line 2, column 8\b)")));
  CHECK(up.errors == containing("CREATE TABEL three"));
}

TEST_CASE_METHOD(Failing, "error: columns are counted in characters") {
  const Output up = fail_with("SELECT 'Maß', 'größer', no_such_column FROM one;\n");
  CHECK(std::regex_search(up.errors, std::regex(R"(:1:25\b|line 1, column 25\b)")));
}

TEST_CASE_METHOD(Failing, "error: a deferred constraint that fails at the commit changes nothing") {
  fail_with(
      "CREATE TABLE two (id bigint PRIMARY KEY, other bigint REFERENCES two DEFERRABLE"
      " INITIALLY DEFERRED);\n"
      "INSERT INTO two VALUES (1, 2);\n");
}

TEST_CASE_METHOD(Failing, "error: the migrations before it stay, those behind it are not tried") {
  REQUIRE(run({"down", "1"}) == exits(0));
  add("0002_two.up.sql", "SELECT 1/0;\n");
  CHECK(run({"up"}) == exits(1));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Failing, "error: a way down that fails changes nothing") {
  add("0001_one.down.sql", "DROP TABLE one;\nDROP TABLE never_made;\n");
  const Output down = run({"down", "1"});
  CHECK(down == exits(1));
  CHECK(down.errors == containing("0001_one.down.sql"));
  CHECK(std::regex_search(down.errors, std::regex(R"(:2\b|line 2\b)")));
  check_unchanged();
}

TEST_CASE_METHOD(Failing, "error: once it is mended, up goes on") {
  fail_with("CREATE TABLE two (id bigint); SELECT 1/0;\n");
  add("0002_two.up.sql", "CREATE TABLE two (id bigint);\n");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Failing, "error: a file that ends the transaction itself is refused") {
  for (const char* ending :
       {"COMMIT;", "commit", "END;", "ROLLBACK;", "ABORT;", "COMMIT; BEGIN;", "ROLLBACK; BEGIN;",
        "COMMIT AND CHAIN;", "/* */ COMMIT WORK;", "BEGIN; CREATE TABLE never (id int); COMMIT;",
        "PREPARE TRANSACTION 'never';", "ROLLBACK AND CHAIN;", "END TRANSACTION; BEGIN;"}) {
    const Output up = fail_with("CREATE TABLE two (id bigint);\n" + std::string(ending) + "\n");
    CHECK(up.errors == containing("0002_two.up.sql"));
    CHECK(up.errors == containing("transaction"));
  }
}

TEST_CASE_METHOD(Failing, "error: a procedure cannot end the transaction either") {
  fail_with(
      "CREATE PROCEDURE leave() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\n"
      "CREATE TABLE two (id bigint);\n"
      "CALL leave();\n");
}

TEST_CASE_METHOD(Failing, "error: a file that is not for a server is refused, not waited for") {
  fail_with("CREATE TABLE two (id bigint);\nCOPY two FROM STDIN;\n1\n\\.\n");
  fail_with("CREATE TABLE two (id bigint);\nCOPY two FROM STDIN;\n");
  fail_with("CREATE TABLE two (id bigint);\nCOPY one TO STDOUT;\nSELECT 1/0;\n");
  fail_with("\\i other.sql\n");
}

TEST_CASE_METHOD(Migrate, "transaction: words that look like its end are none") {
  add("0001_words.up.sql",
      "CREATE TABLE words (word text DEFAULT 'COMMIT;'); -- COMMIT;\n"
      "/* ROLLBACK; /* END; */ COMMIT; */\n"
      "CREATE FUNCTION nothing() RETURNS void LANGUAGE plpgsql AS $body$ BEGIN\n"
      "  NULL; -- COMMIT;\n"
      "END; $body$;\n"
      "CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;\n"
      "CREATE TABLE \"commit;\" (\"rollback;\" int);\n"
      "DO $$ BEGIN PERFORM 1; END $$;\n"
      "INSERT INTO words VALUES (E'\\';COMMIT;'), (U&'COMMIT;'), ($$;END;$$);\n");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "commit; words");
  CHECK(sql("SELECT count(*) FROM words") == "3");
}

TEST_CASE_METHOD(Migrate, "transaction: savepoints are a migration's own business") {
  add("0001_savepoints.up.sql",
      "CREATE TABLE a (id int);\n"
      "SAVEPOINT before;\n"
      "CREATE TABLE b (id int);\n"
      "ROLLBACK TO SAVEPOINT before;\n"
      "CREATE TABLE c (id int);\n"
      "RELEASE SAVEPOINT before;\n");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "a c");
}

TEST_CASE_METHOD(Migrate, "transaction: settings of a migration end with it") {
  sql("CREATE SCHEMA other");
  add("0001_path.up.sql", "SET search_path = other;\nCREATE TABLE a (id int);\n");
  add("0002_path.up.sql", "CREATE TABLE b (id int);\n");
  add("0003_dump.up.sql",
      "SELECT pg_catalog.set_config('search_path', '', false);\n"
      "CREATE TABLE public.c (id int);\n");
  add("0003_dump.down.sql", "DROP TABLE c;\n");
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(sql("SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename)"
            " FROM pg_tables WHERE tablename IN ('a', 'b', 'c', 'schema_migrations')") ==
        "other.a public.b public.c public.schema_migrations");
  CHECK(run({"down", "1"}) == exits(0));
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Migrate, "notices: what the server says while a migration runs goes to stderr") {
  add("0001_notice.up.sql",
      "DO $$ BEGIN RAISE NOTICE 'rows moved: %', 7; RAISE WARNING 'look here'; END $$;\n");
  const Output up = run({"up"});
  REQUIRE(up == exits(0));
  CHECK(up.errors == containing("rows moved: 7"));
  CHECK(up.errors == containing("look here"));
  CHECK(up.output.empty());
}

TEST_CASE_METHOD(Failing, "--statement-timeout: a statement that takes longer fails, clean") {
  const Output up = fail_with("CREATE TABLE two (id bigint);\nSELECT pg_sleep(60);\n",
                              {"up", "--statement-timeout", "100ms"});
  CHECK(up.errors == containing("statement timeout"));
  CHECK(up.errors == containing("0002_two.up.sql"));
}

TEST_CASE_METHOD(Migrate, "file: lines that end in a carriage return alone run like others") {
  add("0001_a.up.sql", "-- c\rCREATE TABLE a(x int);\r");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "a");
}

TEST_CASE_METHOD(Migrate, "error: the end of a transaction behind a carriage return is refused") {
  add("0001_a.up.sql", "CREATE TABLE a (x int); -- c\rCOMMIT;\rSELECT 1/0;\n");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("COMMIT is not allowed here"));
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "error: in the first version of all, it says that there is none") {
  add("0001_a.up.sql", "CREATE TABLE a (x int);\nSELECT 1/0;\n");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("rolled back; there is still no version"));
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "error: a first version that is there already leads to force") {
  sql("CREATE TABLE one (id bigint)");
  add_three();
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("migrate force 1"));
}

TEST_CASE_METHOD(Migrate, "error: a server that takes no writes is named, not taken for lost") {
  add_three();
  for (const Arguments& arguments : {Arguments{"up"}, Arguments{"force", "1"}}) {
    const Output result = run_with("&options=-cdefault_transaction_read_only%3Don", arguments);
    CHECK(result == exits(1));
    CHECK(result.errors == containing("read-only (a standby?)"));
    CHECK_FALSE(result.errors == containing("lost"));
  }
  CHECK(run_with("&options=-cdefault_transaction_read_only%3Don", {"status"}) == exits(3));
}

TEST_CASE_METHOD(Migrate, "up: a database that is not UTF8 is refused, unchanged") {
  add_three();
  shared_cluster().sql("postgres",
                       "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const std::string url = shared_cluster().url("latin");
  const Output up = run_migrate(with_source({"up"}), environment_for(url));
  CHECK(up == exits(1));
  CHECK(up.errors == containing("LATIN1"));
  CHECK(run_migrate({"version"}, environment_for(url)) == exits(1));
  shared_cluster().drop_database("latin");
}

TEST_CASE_METHOD(Migrate, "error: a standby is named, not taken for lost") {
  add_three();
  database();
  const PostgresCluster standby(PostgresCluster::Standby{.of = shared_cluster()});
  const Environment environment = environment_for(standby.url(database().name()));
  for (const Arguments& arguments : {Arguments{"up"}, Arguments{"force", "1"}}) {
    const Output result = run_migrate(with_source(arguments), environment);
    CHECK(result == exits(1));
    CHECK(result.errors == containing("read-only (a standby?)"));
    CHECK_FALSE(result.errors == containing("lost"));
  }
  CHECK(run_migrate(with_source({"status"}), environment) == exits(3));
}

}  // namespace registry::test
