#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "migrations/status.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

Source two_migrations() {
  std::vector<Migration> migrations(2);
  migrations[0].version = 1;
  migrations[0].name = "init";
  migrations[0].checksum = "a";
  migrations[1].version = 2;
  migrations[1].name = "more";
  migrations[1].checksum = "b";
  return Source(std::move(migrations));
}

HistoryRow init_row() {
  HistoryRow row;
  row.version = 1;
  row.name = "init";
  row.checksum = "a";
  row.applied_at = Timestamp{0};
  row.duration_us = 31'400;
  return row;
}

State at_version(std::int64_t version, std::vector<HistoryRow> history = {}) {
  State state;
  state.version = version;
  state.history = std::move(history);
  return state;
}

TEST_CASE("status: a line says when, how long, and what is pending") {
  const auto lines = status_lines(at_version(1, {init_row()}), two_migrations());
  CHECK(status_text(lines) ==
        "1  init  applied 1970-01-01T00:00:00.000000Z (31 ms)\n"
        "2  more  pending\n");
  CHECK(pending_count(lines) == 1);
}

TEST_CASE("status: an empty database has everything pending") {
  const auto lines = status_lines(State(), two_migrations());
  CHECK(pending_count(lines) == 2);
  const auto json = nlohmann::json::parse(status_json(State(), lines));
  CHECK(json["version"].is_null());
  CHECK(json["pending"] == 2);
}

TEST_CASE("status: edited, missing and out of order are told") {
  HistoryRow edited = init_row();
  edited.checksum = "another";
  HistoryRow missing = init_row();
  missing.version = 3;
  missing.name = "gone";
  const State state = at_version(3, {edited, missing});
  const auto lines = status_lines(state, two_migrations());
  CHECK(status_text(lines) ==
        "1  init  applied 1970-01-01T00:00:00.000000Z (31 ms), edited since\n"
        "2  more  pending, out of order\n"
        "3  gone  applied 1970-01-01T00:00:00.000000Z (31 ms), missing from this program\n");
  const auto json = nlohmann::json::parse(status_json(state, lines));
  CHECK(json["migrations"][0]["edited"] == true);
  CHECK(json["migrations"][0]["duration_ms"] == 31);
  CHECK(json["migrations"][1]["out_of_order"] == true);
  CHECK(json["migrations"][2]["missing"] == true);
}

TEST_CASE("status: a dirty version is not called applied") {
  State state = at_version(1);
  state.dirty = true;
  const auto lines = status_lines(state, two_migrations());
  CHECK(status_text(lines) == "1  init  dirty\n2  more  pending\n");
  CHECK(nlohmann::json::parse(status_json(state, lines))["dirty"] == true);
}

TEST_CASE("status: what another tool applied has no time") {
  const auto lines = status_lines(at_version(2), two_migrations());
  CHECK(pending_count(lines) == 0);
  CHECK(status_text(lines) ==
        "1  init  applied at an unknown time\n2  more  applied at an unknown time\n");
}

}  // namespace
}  // namespace registry::migrate
