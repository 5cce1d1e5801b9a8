#include "migrations/state.h"

#include <algorithm>

#include "migrations/failure.h"

namespace registry::migrate {

const HistoryRow* find_history(const State& state, std::int64_t version) {
  if (version > state.version) return nullptr;
  const auto at = std::find_if(state.history.begin(), state.history.end(),
                               [&](const HistoryRow& row) { return row.version == version; });
  return at == state.history.end() ? nullptr : &*at;
}

std::vector<std::int64_t> applied_versions(const State& state, const Source& source) {
  std::vector<std::int64_t> applied;
  if (state.version < 0) return applied;
  for (const HistoryRow& row : state.history) {
    if (row.version <= state.version) applied.push_back(row.version);
  }
  const std::int64_t newest_known = applied.empty() ? kNoVersion : applied.back();
  for (const Migration& migration : source.migrations()) {
    const bool is_between = migration.version > newest_known && migration.version < state.version;
    if (is_between) applied.push_back(migration.version);
  }
  if (newest_known != state.version) applied.push_back(state.version);
  return applied;
}

bool is_edited(const State& state, const Migration& migration) {
  const HistoryRow* row = find_history(state, migration.version);
  return row != nullptr && row->checksum != migration.checksum;
}

std::string dirty_message(const State& state) {
  return "Dirty database version " + std::to_string(state.version) + ". Fix and force version.";
}

void require_clean(const State& state) {
  if (state.dirty) throw Failed(dirty_message(state));
}

}  // namespace registry::migrate
