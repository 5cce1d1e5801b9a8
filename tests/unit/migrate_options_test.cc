#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "migrations/failure.h"
#include "migrations/options.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

using Line = std::vector<std::string>;

Options parsed(Line line) {
  return std::get<Options>(parse_options(std::move(line)));
}

int exit_code(Line line) {
  return std::get<Leave>(parse_options(std::move(line))).exit_code;
}

std::string refusal(Line line) {
  try {
    (void)parse_options(std::move(line));
  } catch (const Failed& failed) {
    return failed.what();
  }
  return "";
}

TEST_CASE("options: up without a number is all of them") {
  const Options options = parsed({"up"});
  CHECK(options.command == Command::kUp);
  CHECK_FALSE(options.goal.limit);
  CHECK(parsed({"up", "3"}).goal.limit == 3);
  CHECK(parsed({"up", "0"}).goal.limit == 0);
}

TEST_CASE("options: down asks unless it is told how many") {
  CHECK(parsed({"down"}).asks_first);
  CHECK_FALSE(parsed({"down", "2"}).asks_first);
  for (const Line& line : {Line{"down", "-all"}, Line{"down", "--all"}, Line{"-all", "down"}}) {
    const Options options = parsed(line);
    CHECK(options.goal.kind == Goal::Kind::kDown);
    CHECK_FALSE(options.goal.limit);
    CHECK_FALSE(options.asks_first);
  }
  CHECK(refusal({"down", "1", "-all"}) == "-all cannot be used with other arguments");
}

TEST_CASE("options: force takes -1, and nothing below") {
  CHECK(parsed({"force", "-1"}).forced_version == kNoVersion);
  CHECK(parsed({"force", "7"}).forced_version == 7);
  CHECK(refusal({"force", "-2"}) == "can't read version argument V \"-2\": it must be at least -1");
}

TEST_CASE("options: flags stand before or after the command, with one dash or two") {
  for (const Line& line :
       {Line{"--lock-timeout", "3s", "up", "2"}, Line{"up", "2", "--lock-timeout", "3s"},
        Line{"up", "--lock-timeout=3s", "2"}, Line{"-lock-timeout", "3", "up", "2"}}) {
    const Options options = parsed(line);
    CHECK(options.limits.lock_timeout == std::chrono::seconds{3});
    CHECK(options.goal.limit == 2);
  }
  CHECK(parsed({"status", "--json"}).as_json);
  CHECK(parsed({"--json", "status"}).as_json);
  CHECK(parsed({"wait", "--timeout", "1s"}).wait_timeout == std::chrono::seconds{1});
  CHECK(parsed({"up", "--source", "folder"}).source_folder == "folder");
}

TEST_CASE("options: plan has the goals of up, down and goto") {
  CHECK(parsed({"plan"}).goal.kind == Goal::Kind::kUp);
  CHECK(parsed({"plan", "up", "2"}).goal.limit == 2);
  const Options down = parsed({"plan", "down", "1"});
  CHECK(down.command == Command::kPlan);
  CHECK(down.goal.kind == Goal::Kind::kDown);
  CHECK(down.goal.limit == 1);
  CHECK(parsed({"plan", "goto", "4"}).goal.version == 4);
}

TEST_CASE("options: roles has a prefix, which begins names, and may only be printed") {
  CHECK(parsed({"roles"}).role_prefix == "registry_");
  CHECK_FALSE(parsed({"roles"}).prints_only);
  for (const Line& line :
       {Line{"roles", "--prefix", "a_", "--print"}, Line{"-print", "-prefix=a_", "roles"}}) {
    const Options options = parsed(line);
    CHECK(options.command == Command::kRoles);
    CHECK(options.role_prefix == "a_");
    CHECK(options.prints_only);
  }
  const std::string longest(63 - std::string("catalog_trial_request").size(), 'a');
  CHECK(parsed({"roles", "--prefix", longest}).role_prefix == longest);
  CHECK(refusal({"roles", "--prefix", longest + "a"}).starts_with("can't read --prefix"));
}

TEST_CASE("options: a missing or unknown command, argument or flag is a wrong use") {
  for (const Line& line :
       {Line{}, Line{"frob"}, Line{"up", "--frob"}, Line{"--frob", "up"}, Line{"up", "1", "2"},
        Line{"goto"}, Line{"force"}, Line{"create"}, Line{"up", "--all"}, Line{"up", "--json"},
        Line{"up", "--timeout", "1s"}, Line{"up", "--print"}, Line{"up", "--prefix", "a_"},
        Line{"roles", "all"}, Line{"up", "--source"}, Line{"plan", "sideways"}}) {
    CAPTURE(line);
    CHECK(exit_code(line) == kExitUsage);
  }
  CHECK(exit_code({"--help"}) == kExitDone);
  CHECK(exit_code({"--version"}) == kExitDone);
  CHECK(exit_code({"up", "--help"}) == kExitDone);
}

TEST_CASE("options: a value that cannot be read is no wrong use") {
  for (const Line& line :
       {Line{"up", "x"}, Line{"up", ""}, Line{"up", "-1"}, Line{"up", "1x"}, Line{"up", "1.0"},
        Line{"up", "99999999999999999999"}, Line{"down", "-1"}, Line{"goto", "-1"},
        Line{"goto", "x"}, Line{"force", "x"}, Line{"--lock-timeout", "x", "up"},
        Line{"--lock-timeout", "-1", "up"}, Line{"wait", "--timeout", "soon"},
        Line{"up", "--statement-timeout", "25h"}, Line{"roles", "--prefix", ""},
        Line{"roles", "--prefix", "1a"}, Line{"roles", "--prefix", "pg_"}}) {
    CAPTURE(line);
    CHECK(refusal(line).starts_with("can't read "));
  }
}

}  // namespace
}  // namespace registry::migrate
