#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "migrations/source.h"

namespace registry::migrate {

// A row of schema_migrations_history: a version that this program applied, or took over as applied.
struct HistoryRow {
  std::int64_t version = 0;
  std::string name;
  std::string checksum;  // of the up file when it was applied or taken over
  // Absent for one that was taken over.
  std::optional<Timestamp> applied_at;
  std::optional<std::int64_t> duration_us;
};

// What a database says about its schema.
struct State {
  std::int64_t version = kNoVersion;
  bool dirty = false;
  std::vector<HistoryRow> history;  // in the order of their versions; empty where there is no table
};

// The history row of a version that is applied; null when there is none, or a stale one: whoever
// rolled it back did not know our history.
[[nodiscard]] const HistoryRow* find_history(const State& state, std::int64_t version);

// The versions that are applied, in their order: those of the history up to the current version;
// and, as golang-migrate knows nothing but the current version, all between the history's newest
// and that one, which somebody else must have applied.
[[nodiscard]] std::vector<std::int64_t> applied_versions(const State& state, const Source& source);

// Whether the up file is not the one that was applied. False where that is not known.
[[nodiscard]] bool is_edited(const State& state, const Migration& migration);

// Throws Failed when the database is dirty, in golang-migrate's words.
void require_clean(const State& state);
[[nodiscard]] std::string dirty_message(const State& state);

}  // namespace registry::migrate
