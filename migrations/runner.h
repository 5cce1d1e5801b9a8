#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/store/postgres/connection.h"
#include "migrations/plan.h"
#include "migrations/run_limits.h"
#include "migrations/signals.h"
#include "migrations/source.h"
#include "migrations/sql_script.h"
#include "migrations/version_tables.h"
#include "migrations/watch.h"

namespace registry::migrate {

// Throws Failed, naming the place, when a step's file holds what cannot run; see
// SqlScript::problem.
void require_runnable(const Step& step);

// Runs migrations over a connection that holds the lock.
//
// A file runs in one transaction with the version and its history: it takes effect as a whole or
// not at all. It waits for a table lock only for seconds at a time, since whoever comes after it
// waits as well; then the whole transaction is tried again, and also after a deadlock or a
// serialization failure, for as long as RunLimits says.
//
// A file that says `-- migrate:no-transaction` runs statement by statement, as golang-migrate has
// it: the version is marked dirty before, and clean after. Its waits for locks have no limit but
// the one it sets itself: CREATE INDEX CONCURRENTLY has to outlast every older transaction.
//
// Each migration is a task of the Watch, its COMMIT and the version included. Our own statements
// around it have limits of ours, whatever the migration has set.
class Runner {
 public:
  Runner(postgres::Connection& connection, VersionTables& tables, const Source& source,
         StopSignals& signals, Watch& watch, const RunLimits& limits)
      : connection_(connection),
        tables_(tables),
        source_(source),
        signals_(signals),
        watch_(watch),
        limits_(limits) {}

  // Takes the database from `from`'s version to the step's and says so on the terminal. Throws
  // Failed with a message that says whether it took effect.
  void run(const Step& step, const State& from);

 private:
  using Clock = std::chrono::steady_clock;
  // How far a transaction got, which decides what an error means.
  enum class Phase { kBegin, kBody, kVersion, kCommit };

  void run_inside(const Step& step, const State& from, const SqlScript& script);
  void attempt(const Step& step, const State& from, const SqlScript& script,
               Clock::time_point deadline);
  void run_outside(const Step& step, const State& from, const SqlScript& script);
  void run_statements(const Step& step, const SqlScript& script, const std::string& remedy);
  void mark_dirty(const State& from, std::int64_t version);
  void keep_history(const Step& step, std::chrono::microseconds duration);
  [[nodiscard]] bool may_try_again(const std::string& sqlstate) const;

  [[nodiscard]] bool has_left_transaction();
  [[nodiscard]] std::string failure_message(const Step& step, const State& from,
                                            const SqlScript& script,
                                            const postgres::ErrorReport& report);

  postgres::Connection& connection_;
  VersionTables& tables_;
  const Source& source_;
  StopSignals& signals_;
  Watch& watch_;
  RunLimits limits_;

  // Of the migration that runs.
  Phase phase_ = Phase::kBegin;
  std::string transaction_id_;        // of its transaction; empty: none has begun
  bool is_idle_after_error_ = false;  // whether no transaction was open when its body had failed
};

}  // namespace registry::migrate
