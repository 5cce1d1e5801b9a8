#include <regex>

#include "tests/migrate/fixture.h"
#include "tests/support/service.h"

// Each command that moves the version: what it says and where, its exit code, the version row.
namespace registry::test {

TEST_CASE_METHOD(Migrate, "up: applies all that is pending, and names each on stderr") {
  add_three();
  const Output up = run({"up"});
  REQUIRE(up == exits(0));
  CHECK(up.output.empty());
  CHECK(std::regex_search(up.errors, std::regex(R"(1/u one \(\d[^\n]*\)\n)")));
  CHECK(std::regex_search(up.errors, std::regex(R"(3/u three \(\d[^\n]*\)\n)")));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Migrate, "up: with nothing to do says no change and exits 0") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  const std::string history = database().history();
  const Output up = run({"up"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(up.output.empty());
  CHECK(version() == "3 clean");
  CHECK(database().history() == history);
}

TEST_CASE_METHOD(Migrate, "up N: applies N and no more") {
  add_three();
  CHECK(run({"up", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
  CHECK(run({"up", "2"}) == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "up N: with fewer left applies those and says how many are short") {
  add_three();
  const Output up = run({"up", "5"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("limit 2 short"));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "up N: with none left says that the file does not exist") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  const Output up = run({"up", "1"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("file does not exist"));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "up 0: is no change, with and without pending migrations") {
  add_three();
  Output up = run({"up", "0"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(tables().empty());
  REQUIRE(run({"up"}) == exits(0));
  up = run({"up", "0"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "down N: rolls back N, the last first") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  const Output down = run({"down", "2"});
  CHECK(down == exits(0));
  CHECK(down.output.empty());
  CHECK(down.errors.find("3/d three") < down.errors.find("2/d two"));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Migrate, "down N: the last one leaves no row") {
  add_three();
  REQUIRE(run({"up", "1"}) == exits(0));
  CHECK(run({"down", "1"}) == exits(0));
  CHECK(version() == "empty");
  CHECK(tables().empty());
  CHECK(database().history().empty());
}

TEST_CASE_METHOD(Migrate, "down N: with fewer applied rolls those back and says what is short") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  Output down = run({"down", "3"});
  CHECK(down == exits(1));
  CHECK(down.errors == containing("limit 1 short"));
  CHECK(version() == "empty");
  down = run({"down", "1"});
  CHECK(down == exits(1));
  CHECK(down.errors == containing("file does not exist"));
}

TEST_CASE_METHOD(Migrate, "down -all: rolls everything back; with nothing to do, no change") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  CHECK(run({"down", "-all"}) == exits(0));
  CHECK(version() == "empty");
  CHECK(tables().empty());
  const Output down = run({"down", "-all"});
  CHECK(down == exits(0));
  CHECK(down.errors == containing("no change"));
}

TEST_CASE_METHOD(Migrate, "down: without a terminal is refused and changes nothing") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  const Output down = run_program({.arguments = {migrate_path(), "down", "--source", folder()},
                                   .environment = environment_for(database().url())},
                                  "y\n");
  CHECK(down == exits(1));
  CHECK_FALSE(down.errors.empty());
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Migrate, "goto V: goes up and down to V") {
  add_three();
  CHECK(run({"goto", "2"}) == exits(0));
  CHECK(version() == "2 clean");
  CHECK(tables() == "one two");
  CHECK(run({"goto", "3"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(run({"goto", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Migrate, "goto V: where it is already, no change") {
  add_three();
  REQUIRE(run({"goto", "2"}) == exits(0));
  const Output again = run({"goto", "2"});
  CHECK(again == exits(0));
  CHECK(again.errors == containing("no change"));
}

TEST_CASE_METHOD(Migrate, "goto V: a version that the source lacks is an error") {
  add_three();
  REQUIRE(run({"goto", "2"}) == exits(0));
  const Output result = run({"goto", "9"});
  CHECK(result == exits(1));
  CHECK(result.errors == containing("no migration found for version 9"));
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Migrate, "version: prints the number on stdout and nothing on stderr") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  const Output result = run({"version"});
  CHECK(result == exits(0));
  CHECK(result.output == "2\n");
  CHECK(result.errors.empty());
}

TEST_CASE_METHOD(Migrate, "version: says when it is dirty") {
  add_three();
  leave_as_golang_migrate("(2, true)");
  const Output result = run({"version"});
  CHECK(result == exits(0));
  CHECK(result.output == "2 (dirty)\n");
}

TEST_CASE_METHOD(Migrate, "version: with none is an error on stderr") {
  add_three();
  const bool has_table = GENERATE(false, true);
  if (has_table) leave_as_golang_migrate("");
  const Output result = run({"version"});
  CHECK(result == exits(1));
  CHECK(result.output.empty());
  CHECK(result.errors == containing("error: no migration"));
}

TEST_CASE_METHOD(Migrate, "force V: sets the version and runs nothing") {
  add_three();
  REQUIRE(run({"up", "1"}) == exits(0));
  const Output result = run({"force", "3"});
  CHECK(result == exits(0));
  CHECK(result.output.empty());
  CHECK(version() == "3 clean");
  CHECK(tables() == "one");
  CHECK(run({"force", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Migrate, "force -1: leaves no row") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  CHECK(run({"force", "-1"}) == exits(0));
  CHECK(version() == "empty");
  CHECK(tables() == "one three two");
  CHECK(run({"version"}) == exits(1));
}

TEST_CASE_METHOD(Migrate, "force V: works on an empty database too") {
  add_three();
  CHECK(run({"force", "2"}) == exits(0));
  CHECK(version() == "2 clean");
  CHECK(tables().empty());
  CHECK(run({"up"}) == exits(0));
  CHECK(tables() == "three");
}

TEST_CASE_METHOD(Migrate, "force V: what is applied after it is not taken for applied before") {
  add_three();
  REQUIRE(run({"up"}) == exits(0));
  sql("DROP TABLE two, three");
  REQUIRE(run({"force", "1"}) == exits(0));
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Migrate, "another schema: all of it happens in the one that is current") {
  add_three();
  sql("CREATE SCHEMA other");
  const std::string other = "&options=-csearch_path%3Dother";
  REQUIRE(run_with(other, {"up", "2"}) == exits(0));
  CHECK(sql("SELECT version, dirty FROM other.schema_migrations") == "2|f");
  CHECK(sql("SELECT count(*) FROM other.schema_migrations_history") == "2");
  CHECK(version() == "absent");
  CHECK(run_with(other, {"version"}).output == "2\n");
  CHECK(run({"up", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(sql("SELECT version, dirty FROM other.schema_migrations") == "2|f");
}

TEST_CASE_METHOD(Migrate, "another schema: one that does not exist is an error") {
  add_three();
  const Output up = run_with("&options=-csearch_path%3Dnowhere", {"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("schema"));
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "force V: says what it did, and warns of a version that no file has") {
  add_three();
  const Output known = run({"force", "2"});
  CHECK(known == exits(0));
  CHECK(known.errors == containing("the version is now 2; it was none"));
  CHECK_FALSE(known.errors == containing("warning"));
  const Output unknown = run({"force", "7"});
  CHECK(unknown == exits(0));
  CHECK(unknown.errors == containing("warning: there is no migration with version 7"));
  CHECK(version() == "7 clean");
}

TEST_CASE_METHOD(Migrate, "force V: the way out when schema_migrations has several rows") {
  add_three();
  leave_as_golang_migrate("(1, false), (2, true)");
  for (const Arguments& arguments :
       {Arguments{"up"}, Arguments{"version"}, Arguments{"status"}, Arguments{"validate"}}) {
    const Output result = run(arguments);
    CHECK(result == exits(1));
    CHECK(result.errors == containing("migrate force V"));
  }
  CHECK(run({"force", "1"}) == exits(0));
  CHECK(version() == "1 clean");
}

}  // namespace registry::test
