#include <filesystem>

#include "tests/migrate/fixture.h"

// What a folder of migrations may hold, what may have changed in it, and `create`.
namespace registry::test {
namespace {

// Runs with a working folder; the program needs no database for what is tested with this.
Output run_in(const std::string& folder, const Arguments& arguments) {
  Command command{
      .arguments = {"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder, migrate_path()}};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  return run_program(command);
}

}  // namespace

TEST_CASE_METHOD(Migrate, "source: leading zeros do not count") {
  add("1_a.up.sql", "CREATE TABLE a (id int);");
  add("0001_a.down.sql", "DROP TABLE a;");
  add("0000002_b.up.sql", "CREATE TABLE b (a_before_b int);");
  add("10_d.up.sql", "CREATE TABLE d (id int);");
  add("009_c.up.sql", "CREATE TABLE c (id int);");
  REQUIRE(run({"up", "3"}) == exits(0));
  CHECK(version() == "9 clean");
  CHECK(tables() == "a b c");
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "10 clean");
  REQUIRE(run({"goto", "0001"}) == exits(0));
  CHECK(version() == "1 clean");
  REQUIRE(run({"down", "-all"}) == exits(0));
  CHECK(tables() == "b c d");
}

TEST_CASE_METHOD(Migrate, "source: a version with two files for one direction is refused") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);");
  add("1_b.up.sql", "CREATE TABLE b (id int);");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("1_b"));
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "source: a version without a way down moves and runs nothing") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);");
  add("0002_b.up.sql", "CREATE TABLE b (id int);");
  add("0001_a.down.sql", "DROP TABLE a;");
  REQUIRE(run({"up"}) == exits(0));
  CHECK(run({"down", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables() == "a b");
}

TEST_CASE_METHOD(Migrate, "source: a version with only a way down moves and runs nothing") {
  add("0001_a.up.sql", "CREATE TABLE a (id int);");
  add("0002_b.down.sql", "DROP TABLE a;");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "2 clean");
  CHECK(tables() == "a");
  CHECK(run({"down", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "source: an empty file, or one of comments, does nothing") {
  add("0001_empty.up.sql", "");
  add("0002_comment.up.sql", "-- nothing yet\n");
  add("0003_blank.up.sql", "\n  \n;\n");
  add("0004_outside.up.sql", "-- migrate:no-transaction\n");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "4 clean");
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Migrate, "source: versions may be times, and names may have dots and spaces") {
  add("20240229123456_a.up.sql", "CREATE TABLE a (id int);");
  add("20240301000000_b and.more.up.sql", "CREATE TABLE b (id int);");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "20240301000000 clean");
}

TEST_CASE_METHOD(Migrate, "source: other files in the folder are left alone") {
  add_three();
  add("README.md", "CREATE TABLE readme (id int);");
  add("0004_four.sql", "CREATE TABLE four (id int);");
  add("five.up.sql", "CREATE TABLE five (id int);");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Migrate, "source: an applied migration that was edited stops what comes next") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  add("0001_one.up.sql", "CREATE TABLE one (id bigint, more text);\n");
  const Output up = run({"up"});
  CHECK(up == exits(1));
  CHECK(up.errors == containing("edited"));
  CHECK(up.errors == containing("one"));
  CHECK(version() == "2 clean");
  CHECK(tables() == "one two");
}

TEST_CASE_METHOD(Migrate, "source: a migration may be edited before it is applied, or anew") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  REQUIRE(run({"down", "1"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint, more text);\n");
  add("0003_three.up.sql", "CREATE TABLE three (id bigint, more text);\n");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(run({"validate"}) == exits(0));
}

TEST_CASE_METHOD(Migrate, "source: a migration out of order is refused unless that is allowed") {
  add_three();
  remove("0002_two.up.sql");
  remove("0002_two.down.sql");
  REQUIRE(run({"up"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint);\n");
  add("0002_two.down.sql", "DROP TABLE two;\n");
  add("0004_four.up.sql", "CREATE TABLE four (id bigint);\n");
  const Output refused = run({"up"});
  CHECK(refused == exits(1));
  CHECK(refused.errors == containing("two"));
  CHECK(refused.errors == containing("--allow-out-of-order"));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three");
  CHECK(run({"status"}) == exits(3));

  const Output allowed = run({"up", "--allow-out-of-order"});
  CHECK(allowed == exits(0));
  CHECK(allowed.errors == containing("2/u two"));
  CHECK(version() == "4 clean");
  CHECK(tables() == "four one three two");
  CHECK(run({"status"}) == exits(0));
  CHECK(run({"up"}).errors == containing("no change"));
}

TEST_CASE_METHOD(Migrate, "source: what is applied out of order does not lower the version") {
  add("0001_one.up.sql", "CREATE TABLE one (id bigint);\n");
  add("0003_three.up.sql", "CREATE TABLE three (id bigint);\n");
  REQUIRE(run({"up"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint);\n");
  REQUIRE(run({"up", "--allow-out-of-order"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
  CHECK(run({"status"}) == exits(0));
}

TEST_CASE("create: makes the next numbered pair, empty, and needs no database") {
  const TempFolder root;
  const std::string folder = root.path() + "/migrations/";
  std::filesystem::create_directory(folder);
  write_file(folder + "0001_init.up.sql", "CREATE TABLE a (id int);");
  write_file(folder + "0001_init.down.sql", "DROP TABLE a;");
  write_file(folder + "0007_later.up.sql", "");

  REQUIRE(run_in(root.path(), {"create", "add_colour"}) == exits(0));
  CHECK(std::filesystem::is_empty(folder + "0008_add_colour.up.sql"));
  CHECK(std::filesystem::is_empty(folder + "0008_add_colour.down.sql"));
  REQUIRE(run_in(root.path(), {"create", "another"}) == exits(0));
  CHECK(std::filesystem::exists(folder + "0009_another.up.sql"));
  CHECK(read_file(folder + "0001_init.up.sql") == "CREATE TABLE a (id int);");
}

TEST_CASE("create: the first of a folder is 0001") {
  const TempFolder root;
  std::filesystem::create_directory(root.path() + "/migrations");
  REQUIRE(run_in(root.path(), {"create", "init"}) == exits(0));
  CHECK(std::filesystem::exists(root.path() + "/migrations/0001_init.up.sql"));
  CHECK(std::filesystem::exists(root.path() + "/migrations/0001_init.down.sql"));
}

TEST_CASE("create: a name that would leave the folder is refused") {
  const TempFolder root;
  std::filesystem::create_directory(root.path() + "/migrations");
  CHECK(run_in(root.path(), {"create", "../escape"}) == exits(1));
  CHECK(run_in(root.path(), {"create", ""}) == exits(1));
  CHECK(std::filesystem::is_empty(root.path() + "/migrations"));
}

}  // namespace registry::test
