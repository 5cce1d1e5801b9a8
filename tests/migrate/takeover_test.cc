#include "tests/migrate/fixture.h"

// Databases that golang-migrate left in each of its states, and those that both tools change in
// turn. It knows nothing of the history, so each state is its table with a row, made by its DDL.
namespace registry::test {
namespace {

class Takeover : public Migrate {
 public:
  Takeover() { add_three(); }

  // The other tool's `goto` upwards, from nothing or from where it is.
  void apply_as_golang_migrate(int version) {
    static constexpr const char* kTables[] = {"one", "two", "three"};
    for (int i = 0; i < version; ++i) {
      sql("CREATE TABLE IF NOT EXISTS " + std::string(kTables[i]) + " (id bigint)");
    }
    leave_as_golang_migrate("");
    sql("TRUNCATE schema_migrations; INSERT INTO schema_migrations VALUES (" +
        std::to_string(version) + ", false)");
  }

  void check_refused(const Arguments& arguments, const std::string& message) {
    CAPTURE(arguments);
    const std::string before = version();
    const Output result = run(arguments);
    CHECK(result == exits(1));
    CHECK(result.errors == containing(message));
    CHECK(result.output.empty());
    CHECK(version() == before);
    CHECK(tables().empty());
  }
};

const std::vector<Arguments>& commands_that_move() {
  static const std::vector<Arguments> kCommands{{"up"},           {"up", "1"},   {"down", "1"},
                                                {"down", "-all"}, {"goto", "1"}, {"goto", "3"}};
  return kCommands;
}

}  // namespace

TEST_CASE_METHOD(Takeover, "takeover: an empty version table is a database without a version") {
  leave_as_golang_migrate("");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Takeover, "takeover: up applies only what comes after a clean version") {
  for (const int from : {1, 2}) {
    CAPTURE(from);
    apply_as_golang_migrate(from);
    REQUIRE(run({"up"}) == exits(0));
    CHECK(version() == "3 clean");
    CHECK(tables() == "one three two");
    REQUIRE(run({"down", "-all"}) == exits(0));
    CHECK(version() == "empty");
    CHECK(tables().empty());
    sql("DROP TABLE schema_migrations, schema_migrations_history");
  }
}

TEST_CASE_METHOD(Takeover, "takeover: at the last version there is no change") {
  apply_as_golang_migrate(3);
  const Output up = run({"up"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Takeover, "takeover: down rolls back what the other tool applied") {
  apply_as_golang_migrate(3);
  CHECK(run({"down", "1"}) == exits(0));
  CHECK(version() == "2 clean");
  CHECK(tables() == "one two");
  CHECK(run({"goto", "1"}) == exits(0));
  CHECK(tables() == "one");
  CHECK(run({"down", "-all"}) == exits(0));
  CHECK(version() == "empty");
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Takeover, "takeover: what it applied before us is not out of order later") {
  apply_as_golang_migrate(2);
  REQUIRE(run({"up"}) == exits(0));
  const Output up = run({"up"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(run({"status"}) == exits(0));
  CHECK(run({"validate"}) == exits(0));
}

TEST_CASE_METHOD(Takeover, "takeover: the other tool may go on after us") {
  REQUIRE(run({"up", "1"}) == exits(0));
  apply_as_golang_migrate(2);
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
  CHECK(run({"status"}) == exits(0));
}

TEST_CASE_METHOD(Takeover, "takeover: the other tool may roll back what we applied") {
  REQUIRE(run({"up"}) == exits(0));
  sql("DROP TABLE two, three; UPDATE schema_migrations SET version = 1");
  CHECK(run({"status"}) == exits(3));
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Takeover, "takeover: the other tool may take everything back and start again") {
  REQUIRE(run({"up"}) == exits(0));
  sql("DROP TABLE one, two, three; TRUNCATE schema_migrations");
  REQUIRE(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Takeover, "takeover: a dirty version is refused by all but force and version") {
  for (const int number : {1, 2, 3, 99}) {
    leave_as_golang_migrate("(" + std::to_string(number) + ", true)");
    const std::string message =
        "Dirty database version " + std::to_string(number) + ". Fix and force version.";
    for (const Arguments& arguments : commands_that_move()) check_refused(arguments, message);
    check_refused({"validate"}, message);
    CHECK(run({"version"}).output == std::to_string(number) + " (dirty)\n");
    sql("DROP TABLE schema_migrations");
  }
}

TEST_CASE_METHOD(Takeover, "takeover: a dirty -1 is refused, and no version") {
  leave_as_golang_migrate("(-1, true)");
  for (const Arguments& arguments : commands_that_move()) {
    check_refused(arguments, "Dirty database version -1. Fix and force version.");
  }
  check_refused({"version"}, "no migration");
}

TEST_CASE_METHOD(Takeover, "takeover: force lets a dirty database go on") {
  sql("CREATE TABLE one (id bigint)");
  leave_as_golang_migrate("(2, true)");
  REQUIRE(run({"force", "1"}) == exits(0));
  CHECK(version() == "1 clean");
  CHECK(run({"up"}) == exits(0));
  CHECK(tables() == "one three two");
}

TEST_CASE_METHOD(Takeover, "takeover: force -1 lets a dirty -1 start anew") {
  leave_as_golang_migrate("(-1, true)");
  REQUIRE(run({"force", "-1"}) == exits(0));
  CHECK(version() == "empty");
  CHECK(run({"up"}) == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Takeover, "takeover: a version that the source lacks is refused") {
  leave_as_golang_migrate("(99, false)");
  for (const Arguments& arguments : commands_that_move()) {
    check_refused(arguments, "no migration found for version 99");
  }
  const Output version = run({"version"});
  CHECK(version == exits(0));
  CHECK(version.output == "99\n");
  CHECK(run({"force", "3"}) == exits(0));
  CHECK(run({"up"}) == exits(0));
}

TEST_CASE_METHOD(Takeover, "--accept-newer: up leaves the database of a later release as it is") {
  leave_as_golang_migrate("(99, false)");
  const Output result = run({"up", "--accept-newer"});
  CHECK(result == exits(0));
  CHECK(result.errors ==
        containing("the database has version 99, of a later release than 3: left as it is"));
  CHECK(version() == "99 clean");
  sql("UPDATE schema_migrations SET dirty = true");
  CHECK(run({"up", "--accept-newer"}) == exits(1));
  sql("UPDATE schema_migrations SET version = 2, dirty = false");
  CHECK(run({"up", "--accept-newer"}) == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Takeover, "takeover: a version between two of the source is refused as well") {
  remove("0002_two.up.sql");
  remove("0002_two.down.sql");
  leave_as_golang_migrate("(2, false)");
  for (const Arguments& arguments : commands_that_move()) {
    check_refused(arguments, "no migration found for version 2");
  }
}

TEST_CASE_METHOD(Takeover, "takeover: the table that it made is used as it is") {
  leave_as_golang_migrate("");
  const std::string oid = sql("SELECT 'schema_migrations'::regclass::oid");
  REQUIRE(run({"up"}) == exits(0));
  REQUIRE(run({"down", "-all"}) == exits(0));
  CHECK(sql("SELECT 'schema_migrations'::regclass::oid") == oid);
  CHECK(sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass"
            " AND attnum > 0") == "2");
}

TEST_CASE_METHOD(Takeover, "takeover: the embedded schema goes on after the other tool's") {
  for (const char* name : {"1_one", "2_two", "3_three"}) {
    remove("000" + std::string(name) + ".up.sql");
    remove("000" + std::string(name) + ".down.sql");
  }
  REQUIRE(run({"up"}) == exits(0));
  sql("DROP TABLE schema_migrations_history");
  const Output up = run({"up"});
  CHECK(up == exits(0));
  CHECK(up.errors == containing("no change"));
  CHECK(run({"down", "-all"}) == exits(0));
  CHECK(tables().empty());
}

}  // namespace registry::test
