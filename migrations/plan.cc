#include "migrations/plan.h"

#include <algorithm>
#include <limits>

#include "migrations/failure.h"

namespace registry::migrate {
namespace {

std::string name_of(const Migration& migration) {
  return "migration " + std::to_string(migration.version) + " (" + migration.name + ")";
}

std::string edited_message(const Migration& migration) {
  return name_of(migration) + " was edited since it was applied";
}

const Migration& require_migration(const Source& source, std::int64_t version) {
  const Migration* migration = source.find(version);
  if (migration == nullptr) {
    throw Failed("no migration found for version " + std::to_string(version));
  }
  return *migration;
}

// Plans step after step, keeping book of what will then be applied.
class Planner {
 public:
  Planner(const State& state, const Source& source, bool allow_out_of_order)
      : state_(state),
        source_(source),
        allow_out_of_order_(allow_out_of_order),
        applied_(applied_versions(state, source)) {}

  [[nodiscard]] Plan take_plan() { return std::move(plan_); }

  void go_up(std::optional<std::int64_t> limit) {
    if (limit == 0) return;
    if (source_.migrations().empty()) throw Failed("file does not exist");
    const std::int64_t wanted = limit.value_or(std::numeric_limits<std::int64_t>::max());
    const std::int64_t planned = up(wanted, std::numeric_limits<std::int64_t>::max());
    if (limit) require_enough(planned, wanted);
  }

  void go_down(std::optional<std::int64_t> limit) {
    const std::int64_t wanted = limit.value_or(std::numeric_limits<std::int64_t>::max());
    const std::int64_t planned = down(wanted, kNoVersion);
    if (limit && wanted > 0) require_enough(planned, wanted);
  }

  void go_to(std::int64_t version) {
    (void)require_migration(source_, version);
    down(std::numeric_limits<std::int64_t>::max(), version);
    if (state_.version > version && is_applied(version)) return;
    up(std::numeric_limits<std::int64_t>::max(), version);
  }

 private:
  [[nodiscard]] bool is_applied(std::int64_t version) const {
    return std::binary_search(applied_.begin(), applied_.end(), version);
  }
  [[nodiscard]] std::int64_t current() const {
    return applied_.empty() ? kNoVersion : applied_.back();
  }

  // Up to `wanted` of those that are missing, none newer than `last`. Returns how many.
  std::int64_t up(std::int64_t wanted, std::int64_t last) {
    refuse_edited();
    std::int64_t planned = 0;
    for (const Migration& migration : source_.migrations()) {
      if (planned == wanted || migration.version > last) break;
      if (is_applied(migration.version)) continue;
      if (migration.version < current() && !allow_out_of_order_) {
        throw Failed(name_of(migration) + " is older than the current version " +
                     std::to_string(current()) +
                     " and was never applied; --allow-out-of-order applies it");
      }
      plan_.steps.push_back({.direction = Direction::kUp,
                             .migration = &migration,
                             .version_after = std::max(current(), migration.version)});
      applied_.insert(std::upper_bound(applied_.begin(), applied_.end(), migration.version),
                      migration.version);
      ++planned;
    }
    return planned;
  }

  // Up to `wanted` of those that are applied and newer than `last`. Returns how many.
  std::int64_t down(std::int64_t wanted, std::int64_t last) {
    std::int64_t planned = 0;
    while (planned < wanted && current() > last) {
      const Migration& migration = require_migration(source_, current());
      if (is_edited(state_, migration)) plan_.warnings.push_back(edited_message(migration));
      applied_.pop_back();
      plan_.steps.push_back(
          {.direction = Direction::kDown, .migration = &migration, .version_after = current()});
      ++planned;
    }
    return planned;
  }

  void require_enough(std::int64_t planned, std::int64_t wanted) {
    if (planned == 0) throw Failed("file does not exist");
    plan_.short_by = wanted - planned;
  }

  void refuse_edited() const {
    for (const Migration& migration : source_.migrations()) {
      if (!is_applied(migration.version) || !is_edited(state_, migration)) continue;
      throw Failed(edited_message(migration) +
                   ": restore its file, or roll it back with down, or "
                   "accept the file as it is with force " +
                   std::to_string(state_.version));
    }
  }

  const State& state_;
  const Source& source_;
  bool allow_out_of_order_;
  std::vector<std::int64_t> applied_;  // in order, as they will be after the steps so far
  Plan plan_;
};

}  // namespace

std::string label_of(const Step& step) {
  return std::to_string(step.migration->version) +
         (step.direction == Direction::kUp ? "/u " : "/d ") + step.migration->name;
}

Plan make_plan(const State& state, const Source& source, const Goal& goal,
               bool allow_out_of_order) {
  if (state.version >= 0) (void)require_migration(source, state.version);
  Planner planner(state, source, allow_out_of_order);
  switch (goal.kind) {
    case Goal::Kind::kUp:
      planner.go_up(goal.limit);
      break;
    case Goal::Kind::kDown:
      planner.go_down(goal.limit);
      break;
    case Goal::Kind::kVersion:
      planner.go_to(goal.version);
      break;
  }
  return planner.take_plan();
}

}  // namespace registry::migrate
