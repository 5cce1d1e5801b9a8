#include <regex>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/migrate/fixture.h"

// The commands that tell and change nothing: status, plan, validate.
namespace registry::test {
namespace {

// The line of `status` on a version; empty when there is none.
std::string line_of(const Output& status, const std::string& version) {
  std::istringstream lines(status.output);
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, std::regex("^\\s*0*" + version + "\\b"))) return line;
  }
  return {};
}

class Report : public Migrate {
 public:
  Report() { add_three(); }

  // What `status --json` says of a version.
  [[nodiscard]] nlohmann::json entry_of(int version) {
    const Output status = run({"status", "--json"});
    const nlohmann::json document = nlohmann::json::parse(status.output);
    for (const nlohmann::json& entry : document.at("migrations")) {
      if (entry.at("version") == version) return entry;
    }
    return nullptr;
  }
};

}  // namespace

TEST_CASE_METHOD(Report, "status: a line per migration on stdout; exit 3 while any is pending") {
  REQUIRE(run({"up", "2"}) == exits(0));
  const Output status = run({"status"});
  CHECK(status == exits(3));
  const std::regex applied(R"(one.*20\d\d-\d\d-\d\d.*\d+ ms)");
  CHECK(std::regex_search(line_of(status, "1"), applied));
  CHECK(line_of(status, "2") == containing("two"));
  CHECK(line_of(status, "3") == containing("three"));
  CHECK(line_of(status, "3") == containing("pending"));
  CHECK_FALSE(line_of(status, "2") == containing("pending"));
}

TEST_CASE_METHOD(Report, "status: exits 0 when nothing is pending") {
  REQUIRE(run({"up"}) == exits(0));
  const Output status = run({"status"});
  CHECK(status == exits(0));
  CHECK_FALSE(status.output == containing("pending"));
  CHECK(status.errors.empty());
}

TEST_CASE_METHOD(Report, "status: works on an empty database and leaves it so") {
  const Output status = run({"status"});
  CHECK(status == exits(3));
  for (const char* number : {"1", "2", "3"}) {
    CHECK(line_of(status, number) == containing("pending"));
  }
  CHECK(version() == "absent");
  CHECK(database().history() == "absent");
}

TEST_CASE_METHOD(Report, "status: names what was edited since it was applied") {
  REQUIRE(run({"up", "2"}) == exits(0));
  add("0001_one.up.sql", "CREATE TABLE one (id bigint, more text);\n");
  const Output status = run({"status"});
  CHECK(line_of(status, "1") == containing("edited"));
  CHECK_FALSE(line_of(status, "2") == containing("edited"));
}

TEST_CASE_METHOD(Report, "status: names what is applied and missing from the source") {
  REQUIRE(run({"up"}) == exits(0));
  remove("0002_two.up.sql");
  remove("0002_two.down.sql");
  const Output status = run({"status"});
  CHECK(line_of(status, "2") == containing("missing"));
  CHECK(line_of(status, "2") == containing("two"));
}

TEST_CASE_METHOD(Report, "status: says when the database is dirty") {
  leave_as_golang_migrate("(2, true)");
  const Output status = run({"status"});
  CHECK(status.output == containing("dirty"));
  CHECK(status == exits(3));
  CHECK(version() == "2 dirty");
}

TEST_CASE_METHOD(Report, "status: what the other tool applied is applied, at a time not known") {
  sql("CREATE TABLE one (id bigint)");
  leave_as_golang_migrate("(1, false)");
  const Output status = run({"status"});
  CHECK(status == exits(3));
  CHECK(line_of(status, "1") == containing("one"));
  CHECK_FALSE(line_of(status, "1") == containing("pending"));
  CHECK(line_of(status, "2") == containing("pending"));
}

TEST_CASE_METHOD(Report, "status --json: tells the same to programs, with the same exit code") {
  REQUIRE(run({"up", "2"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint, more text);\n");
  CHECK(run({"status", "--json"}) == exits(3));
  CHECK(entry_of(1).at("name") == "one");
  CHECK(entry_of(1).at("state") == "applied");
  CHECK(std::regex_search(entry_of(1).at("applied_at").get<std::string>(),
                          std::regex(R"(^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d.*Z$)")));
  CHECK(entry_of(1).at("duration_ms").is_number());
  CHECK(entry_of(1).at("edited") == false);
  CHECK(entry_of(2).at("edited") == true);
  CHECK(entry_of(2).at("missing") == false);
  CHECK(entry_of(3).at("state") == "pending");
  CHECK(entry_of(3).at("applied_at").is_null());
  const nlohmann::json document = nlohmann::json::parse(run({"status", "--json"}).output);
  CHECK(document.at("version") == 2);
  CHECK(document.at("dirty") == false);
}

TEST_CASE_METHOD(Report, "plan: prints the SQL that up would run and changes nothing at all") {
  for (const Arguments& arguments : {Arguments{"plan"}, Arguments{"plan", "up"}}) {
    const Output plan = run(arguments);
    CHECK(plan == exits(0));
    for (const char* table : {"one", "two", "three"}) {
      CHECK(plan.output == containing("CREATE TABLE " + std::string(table) + " (id bigint);"));
    }
  }
  CHECK(version() == "absent");
  CHECK(database().history() == "absent");
  CHECK(tables().empty());
}

TEST_CASE_METHOD(Report, "plan: up N, down N and goto V print only what they would run") {
  REQUIRE(run({"up", "1"}) == exits(0));
  const std::string history = database().history();
  Output plan = run({"plan", "up", "1"});
  CHECK(plan == exits(0));
  CHECK(plan.output == containing("CREATE TABLE two"));
  CHECK_FALSE(plan.output == containing("CREATE TABLE one"));
  CHECK_FALSE(plan.output == containing("CREATE TABLE three"));
  plan = run({"plan", "down", "1"});
  CHECK(plan == exits(0));
  CHECK(plan.output == containing("DROP TABLE one;"));
  CHECK_FALSE(plan.output == containing("CREATE"));
  plan = run({"plan", "goto", "3"});
  CHECK(plan.output.find("CREATE TABLE two") < plan.output.find("CREATE TABLE three"));
  CHECK(plan.output == containing("CREATE TABLE three"));
  CHECK(version() == "1 clean");
  CHECK(database().history() == history);
  CHECK(tables() == "one");
}

TEST_CASE_METHOD(Report, "plan: with nothing to do prints nothing on stdout") {
  REQUIRE(run({"up"}) == exits(0));
  const Output plan = run({"plan"});
  CHECK(plan == exits(0));
  CHECK_FALSE(plan.output == containing("TABLE"));
  CHECK(plan.output + plan.errors == containing("no change"));
}

TEST_CASE_METHOD(Report, "plan: works on a dirty database and says so") {
  leave_as_golang_migrate("(1, true)");
  const Output plan = run({"plan"});
  CHECK(plan == exits(0));
  CHECK(plan.output + plan.errors == containing("irty"));
  CHECK(version() == "1 dirty");
}

TEST_CASE_METHOD(Report, "plan: what is in its way is the same as for up") {
  leave_as_golang_migrate("(99, false)");
  const Output plan = run({"plan"});
  CHECK(plan == exits(1));
  CHECK(plan.errors == containing("no migration found for version 99"));
}

TEST_CASE_METHOD(Report, "validate: exits 0 while what was applied is what is here") {
  CHECK(run({"validate"}) == exits(0));
  CHECK(version() == "absent");
  REQUIRE(run({"up", "2"}) == exits(0));
  add("0003_three.up.sql", "CREATE TABLE three (id bigint, not_yet_applied text);\n");
  CHECK(run({"validate"}) == exits(0));
}

TEST_CASE_METHOD(Report, "validate: exits 1 and names what differs") {
  REQUIRE(run({"up", "2"}) == exits(0));
  add("0002_two.up.sql", "CREATE TABLE two (id bigint, more text);\n");
  const Output validate = run({"validate"});
  CHECK(validate == exits(1));
  CHECK(validate.errors == containing("two"));
  CHECK_FALSE(validate.errors == containing("one"));
}

TEST_CASE_METHOD(Report, "validate: a migration of the other tool has no checksum to differ") {
  leave_as_golang_migrate("(3, false)");
  CHECK(run({"validate"}) == exits(0));
}

TEST_CASE_METHOD(Report, "status: a dirty version needs attention, even with nothing pending") {
  leave_as_golang_migrate("(3, true)");
  CHECK(run({"status"}) == exits(3));
  CHECK(run({"status", "--json"}) == exits(3));
}

}  // namespace registry::test
