#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "migrations/failure.h"
#include "migrations/plan.h"
#include "migrations/state.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

using Versions = std::vector<std::int64_t>;

std::string checksum_of(std::int64_t version) {
  return "sum" + std::to_string(version);
}

Source source_of(const Versions& versions) {
  std::vector<Migration> migrations;
  for (const std::int64_t version : versions) {
    Migration migration;
    migration.version = version;
    migration.name = "m" + std::to_string(version);
    migration.checksum = checksum_of(version);
    migrations.push_back(std::move(migration));
  }
  return Source(std::move(migrations));
}

State state_of(std::int64_t version, const Versions& history = {}) {
  State state;
  state.version = version;
  for (const std::int64_t known : history) {
    HistoryRow row;
    row.version = known;
    row.checksum = checksum_of(known);
    state.history.push_back(std::move(row));
  }
  return state;
}

const Goal kUpAll{.kind = Goal::Kind::kUp, .limit = std::nullopt, .version = 0};
const Goal kDownAll{.kind = Goal::Kind::kDown, .limit = std::nullopt, .version = 0};

Goal up(std::int64_t limit) {
  return {.kind = Goal::Kind::kUp, .limit = limit, .version = 0};
}
Goal down(std::int64_t limit) {
  return {.kind = Goal::Kind::kDown, .limit = limit, .version = 0};
}
Goal go_to(std::int64_t version) {
  return {.kind = Goal::Kind::kVersion, .limit = std::nullopt, .version = version};
}

// "1/u m1>1 2/u m2>2": the steps, each with the version after it.
std::string steps(const State& state, const Source& source, const Goal& goal,
                  bool allow_out_of_order = false) {
  std::string text;
  for (const Step& step : make_plan(state, source, goal, allow_out_of_order).steps) {
    text += (text.empty() ? "" : " ") + label_of(step) + ">" + std::to_string(step.version_after);
  }
  return text;
}

std::string refusal(const State& state, const Source& source, const Goal& goal) {
  try {
    (void)make_plan(state, source, goal, false);
  } catch (const Failed& failed) {
    return failed.what();
  }
  return "";
}

TEST_CASE("applied_versions: without a history all up to the current version are") {
  CHECK(applied_versions(state_of(kNoVersion), source_of({1, 2})).empty());
  CHECK(applied_versions(state_of(2), source_of({1, 2, 3})) == Versions{1, 2});
  CHECK(applied_versions(state_of(7), source_of({1, 2})) == Versions{1, 2, 7});
}

TEST_CASE("applied_versions: what is missing in the history below its newest was never applied") {
  CHECK(applied_versions(state_of(3, {1, 3}), source_of({1, 2, 3})) == Versions{1, 3});
}

TEST_CASE("applied_versions: another tool went on after our history ends") {
  CHECK(applied_versions(state_of(3, {1}), source_of({1, 2, 3, 4})) == Versions{1, 2, 3});
}

TEST_CASE("applied_versions: another tool went back before our history ends") {
  CHECK(applied_versions(state_of(1, {1, 2, 3}), source_of({1, 2, 3})) == Versions{1});
  CHECK(applied_versions(state_of(kNoVersion, {1}), source_of({1})).empty());
}

TEST_CASE("make_plan: up applies what is missing, in order") {
  const Source source = source_of({1, 2, 3});
  CHECK(steps(state_of(kNoVersion), source, kUpAll) == "1/u m1>1 2/u m2>2 3/u m3>3");
  CHECK(steps(state_of(1), source, kUpAll) == "2/u m2>2 3/u m3>3");
  CHECK(steps(state_of(1), source, up(1)) == "2/u m2>2");
  CHECK(steps(state_of(3), source, kUpAll).empty());
  CHECK(steps(state_of(1), source, up(0)).empty());
}

TEST_CASE("make_plan: more than there are is short, none at all does not exist") {
  const Source source = source_of({1, 2, 3});
  CHECK(make_plan(state_of(1), source, up(5), false).short_by == 3);
  CHECK(make_plan(state_of(2), source, down(5), false).short_by == 3);
  CHECK(refusal(state_of(3), source, up(1)) == "file does not exist");
  CHECK(refusal(state_of(kNoVersion), source, down(1)) == "file does not exist");
  CHECK(refusal(state_of(kNoVersion), source_of({}), kUpAll) == "file does not exist");
}

TEST_CASE("make_plan: down rolls back the newest first, to no version at the end") {
  const Source source = source_of({1, 2, 3});
  CHECK(steps(state_of(2), source, kDownAll) == "2/d m2>1 1/d m1>-1");
  CHECK(steps(state_of(3), source, down(1)) == "3/d m3>2");
  CHECK(steps(state_of(kNoVersion), source, kDownAll).empty());
  CHECK(steps(state_of(2), source, down(0)).empty());
}

TEST_CASE("make_plan: goto goes either way") {
  const Source source = source_of({1, 2, 3});
  CHECK(steps(state_of(kNoVersion), source, go_to(2)) == "1/u m1>1 2/u m2>2");
  CHECK(steps(state_of(3), source, go_to(1)) == "3/d m3>2 2/d m2>1");
  CHECK(steps(state_of(2), source, go_to(2)).empty());
}

TEST_CASE("make_plan: a version that the source lacks is refused") {
  const Source source = source_of({1, 2});
  CHECK(refusal(state_of(7), source, kUpAll) == "no migration found for version 7");
  CHECK(refusal(state_of(7), source, kDownAll) == "no migration found for version 7");
  CHECK(refusal(state_of(1), source, go_to(9)) == "no migration found for version 9");
  CHECK(refusal(state_of(3, {1, 2, 3}), source_of({1, 3}), kDownAll) ==
        "no migration found for version 2");
}

TEST_CASE("make_plan: one older than the current version needs permission") {
  const State state = state_of(3, {1, 3});
  const Source source = source_of({1, 2, 3, 4});
  CHECK(refusal(state, source, kUpAll) ==
        "migration 2 (m2) is older than the current version 3 and was never applied; "
        "--allow-out-of-order applies it");
  CHECK(steps(state, source, kUpAll, true) == "2/u m2>3 4/u m4>4");
}

TEST_CASE("make_plan: down passes over what was never applied") {
  CHECK(steps(state_of(3, {1, 3}), source_of({1, 2, 3}), kDownAll) == "3/d m3>1 1/d m1>-1");
}

TEST_CASE("make_plan: goto down to a version that was never applied applies it in order") {
  CHECK(steps(state_of(3, {1, 3}), source_of({1, 2, 3}), go_to(2)) == "3/d m3>1 2/u m2>2");
}

TEST_CASE("make_plan: an edited migration stops up, and is a warning for down") {
  State state = state_of(2, {1, 2});
  state.history[1].checksum = "another";
  const Source source = source_of({1, 2, 3});
  CHECK(refusal(state, source, kUpAll).starts_with("migration 2 (m2) was edited"));
  CHECK(refusal(state, source, go_to(3)).starts_with("migration 2 (m2) was edited"));
  const Plan plan = make_plan(state, source, down(1), false);
  CHECK(plan.steps.size() == 1);
  CHECK(plan.warnings.size() == 1);
}

}  // namespace
}  // namespace registry::migrate
