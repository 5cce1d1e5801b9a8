#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "migrations/source.h"
#include "migrations/state.h"

namespace registry::migrate {

// Where to go: up or down by a number of migrations, or all the way; or to a version.
struct Goal {
  enum class Kind { kUp, kDown, kVersion };
  Kind kind = Kind::kUp;
  std::optional<std::int64_t> limit;  // kUp, kDown: how many; absent: all
  std::int64_t version = 0;           // kVersion
};

// One migration to run.
struct Step {
  Direction direction = Direction::kUp;
  const Migration* migration = nullptr;
  std::int64_t version_after = kNoVersion;
};

// "1/u init", golang-migrate's form.
[[nodiscard]] std::string label_of(const Step& step);

struct Plan {
  std::vector<Step> steps;    // none: no change
  std::int64_t short_by = 0;  // how many more were asked for than there are
  std::vector<std::string> warnings;
};

// What to run to get there. The steps refer to `source`.
//
// Throws Failed for a version that the source lacks ("no migration found for version N"), for a
// limit when nothing at all is left ("file does not exist"), and, when it goes up, for an applied
// migration that was edited since, and for one older than the current version that was never
// applied, unless `allow_out_of_order`. Going down an edited one is a warning only: rolling back is
// a way to repair it.
[[nodiscard]] Plan make_plan(const State& state, const Source& source, const Goal& goal,
                             bool allow_out_of_order);

}  // namespace registry::migrate
