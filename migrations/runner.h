#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/store/postgres/connection.h"
#include "migrations/plan.h"
#include "migrations/signals.h"
#include "migrations/source.h"
#include "migrations/sql_script.h"
#include "migrations/version_tables.h"

namespace registry::migrate {

struct RunLimits {
  // How long a migration may try to get its table locks, attempt after attempt.
  std::chrono::milliseconds lock_timeout{15'000};
  std::chrono::milliseconds statement_timeout{0};  // zero: none
};

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
// A first stop signal lets the migration end; at a second one its statement is cancelled.
class Runner {
 public:
  Runner(postgres::Connection& connection, VersionTables& tables, const Source& source,
         StopSignals& signals, const RunLimits& limits)
      : connection_(connection),
        tables_(tables),
        source_(source),
        signals_(signals),
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
  void reset_session(std::chrono::milliseconds table_lock_wait);
  [[nodiscard]] bool may_try_again(const std::string& sqlstate) const;

  [[nodiscard]] postgres::WaitHook hook(const Step& step);
  void watch(const std::string& label);
  [[nodiscard]] std::string failure_message(const Step& step, const State& from,
                                            const SqlScript& script,
                                            const postgres::ErrorReport& report) const;

  postgres::Connection& connection_;
  VersionTables& tables_;
  const Source& source_;
  StopSignals& signals_;
  RunLimits limits_;

  // Of the migration that runs.
  Phase phase_ = Phase::kBegin;
  Clock::time_point begin_;
  Clock::time_point next_line_;
  bool is_stop_said_ = false;
  bool is_cancelled_ = false;
};

}  // namespace registry::migrate
