#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "migrations/source.h"
#include "migrations/state.h"

namespace registry::migrate {

// What status says about one migration.
struct StatusLine {
  std::int64_t version = 0;
  std::string name;  // empty when neither source nor history knows it
  bool is_applied = false;
  bool is_out_of_order = false;  // not applied, and older than the current version
  bool is_dirty = false;         // the current version, of a dirty database
  bool is_edited = false;        // its up file is not the one that was applied
  bool is_missing = false;       // applied, but not in the source
  std::optional<Timestamp> applied_at;
  std::optional<std::int64_t> duration_us;
};

// A line for each migration that is in the source or applied, in the order of their versions.
[[nodiscard]] std::vector<StatusLine> status_lines(const State& state, const Source& source);

[[nodiscard]] std::int64_t pending_count(const std::vector<StatusLine>& lines);

// One line of text each, for people.
[[nodiscard]] std::string status_text(const std::vector<StatusLine>& lines);

// {"version": 2 or null, "dirty": false, "pending": 1, "migrations": [{"version": 1, "name":
// "init",
//   "state": "applied" or "pending" or "dirty", "applied_at": "…Z" or null, "duration_ms": 31 or
//   null, "edited": false, "missing": false, "out_of_order": false}, …]}
[[nodiscard]] std::string status_json(const State& state, const std::vector<StatusLine>& lines);

}  // namespace registry::migrate
