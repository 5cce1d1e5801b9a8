#include "migrations/runner.h"

#include <algorithm>
#include <string_view>

#include "common/store/postgres/sql_error.h"
#include "migrations/console.h"
#include "migrations/duration.h"
#include "migrations/failure.h"
#include "migrations/lock.h"
#include "migrations/sql_report.h"

namespace registry::migrate {
namespace {

using postgres::SqlError;

// A statement that waits for a table lock makes everybody else on that table wait behind it.
constexpr std::chrono::milliseconds kTableLockWait{2000};
constexpr std::chrono::milliseconds kMinTableLockWait{100};  // zero would be without end
// Between two attempts to get the locks; doubles each time.
constexpr std::chrono::milliseconds kFirstPause{500};

constexpr const char* kCancelled = "57014";

const std::string& text_of(const Step& step) {
  static const std::string kNothing;
  const auto& file = step.migration->file(step.direction);
  return file ? file->text : kNothing;
}

std::string file_of(const Step& step) {
  const auto& file = step.migration->file(step.direction);
  return file ? file->name : label_of(step);
}

std::string left_transaction(const State& from) {
  return "ended its transaction; what it did before stays, the version is still " +
         (from.version == kNoVersion ? std::string("none") : std::to_string(from.version));
}

// What an error says when the server, or the way to it, has gone.
bool is_loss(std::string_view sqlstate) {
  return sqlstate.empty() || sqlstate.starts_with("08") || sqlstate.starts_with("57P0");
}

}  // namespace

void require_runnable(const Step& step) {
  const SqlScript script(text_of(step));
  if (const auto problem = script.problem()) {
    throw Failed(at_place(file_of(step), script, problem->at, problem->message));
  }
}

void Runner::run(const Step& step, const State& from) {
  const Watch::Task task(watch_, label_of(step));
  const Clock::time_point begin = Clock::now();
  const SqlScript script(text_of(step));
  if (script.runs_outside_transaction() && !script.statements().empty()) {
    run_outside(step, from, script);
  } else {
    run_inside(step, from, script);
  }
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  say(label_of(step) + " (" + format_duration(duration) + ")");
}

void Runner::run_inside(const Step& step, const State& from, const SqlScript& script) {
  const Clock::time_point deadline = Clock::now() + limits_.lock_timeout;
  for (std::chrono::milliseconds pause = kFirstPause;; pause *= 2) {
    try {
      attempt(step, from, script, deadline);
      return;
    } catch (const SqlError& error) {
      const bool is_time_left = Clock::now() + pause < deadline && !watch_.is_cancelled();
      if (!may_try_again(error.report().sqlstate) || !is_time_left || has_left_transaction()) {
        throw Failed(failure_message(step, from, script, error.report()));
      }
      say(label_of(step) + ": " + error.what() + "; rolled back, trying again");
    }
    if (!signals_.pause(pause)) {
      throw Failed(label_of(step) + ": stopped while it waited for another session's lock; the " +
                   "version is still " + std::to_string(from.version));
    }
  }
}

void Runner::attempt(const Step& step, const State& from, const SqlScript& script,
                     Clock::time_point deadline) {
  phase_ = Phase::kBegin;
  transaction_id_.clear();
  is_idle_after_error_ = false;
  const auto time_left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  reset_session(connection_, limits_, std::clamp(time_left, kMinTableLockWait, kTableLockWait));
  const Clock::time_point begin = Clock::now();
  postgres::Transaction transaction(connection_);
  const auto transaction_id = [&] {
    return connection_.query("SELECT pg_current_xact_id()::text").get<std::string>(0, 0);
  };
  transaction_id_ = transaction_id();

  phase_ = Phase::kBody;
  try {
    if (!script.is_blank()) connection_.execute(std::string(script.text()));
  } catch (const SqlError&) {
    is_idle_after_error_ = connection_.is_reusable();
    throw;
  }
  // SqlScript::problem() has seen to it; but if it was wrong, the version must not move.
  if (!connection_.is_in_transaction() || transaction_id() != transaction_id_) {
    throw Failed(file_of(step) + ": " + left_transaction(from));
  }

  phase_ = Phase::kVersion;
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  connection_.execute("RESET SESSION AUTHORIZATION; RESET ROLE");
  set_local_lock_wait(connection_, own_lock_wait(limits_));
  tables_.create();
  tables_.adopt(from, source_);
  tables_.move(from, step.version_after, false);
  keep_history(step, duration);

  phase_ = Phase::kCommit;
  transaction.commit();
}

void Runner::run_outside(const Step& step, const State& from, const SqlScript& script) {
  State dirty = from;
  dirty.version = step.version_after;
  dirty.dirty = true;
  try {
    reset_session(connection_, limits_, own_lock_wait(limits_));
    mark_dirty(from, dirty.version);
    set_lock_wait(connection_, std::chrono::milliseconds{0});
  } catch (const SqlError& error) {
    throw Failed(label_of(step) + ": can't mark the version as dirty: " + describe(error.report()) +
                 "; nothing of it has run");
  }
  const std::string remedy = "\n  the version is " + std::to_string(dirty.version) +
                             " and dirty: see what " + file_of(step) +
                             " has done, complete or undo it, then force the version";
  try {
    const Clock::time_point begin = Clock::now();
    run_statements(step, script, remedy);
    const auto duration =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    reset_session(connection_, limits_, own_lock_wait(limits_));
    postgres::Transaction transaction(connection_);
    tables_.move(dirty, step.version_after, false);
    keep_history(step, duration);
    transaction.commit();
  } catch (const SqlError& error) {
    throw Failed(label_of(step) + ": has run, but can't mark the version as clean: " +
                 describe(error.report()) + remedy);
  }
}

void Runner::run_statements(const Step& step, const SqlScript& script, const std::string& remedy) {
  const auto& statements = script.statements();
  for (std::size_t i = 0; i < statements.size(); ++i) {
    try {
      connection_.execute(std::string(script.text_of(statements[i])));
    } catch (const SqlError& error) {
      throw Failed(describe(error.report(), file_of(step), script, statements[i].begin, i) +
                   remedy);
    }
  }
  if (!connection_.is_reusable()) {
    throw Failed(file_of(step) + ": left a transaction open, which was rolled back" + remedy);
  }
}

void Runner::mark_dirty(const State& from, std::int64_t version) {
  postgres::Transaction transaction(connection_);
  tables_.create();
  tables_.adopt(from, source_);
  tables_.move(from, version, true);
  transaction.commit();
}

void Runner::keep_history(const Step& step, std::chrono::microseconds duration) {
  if (step.direction == Direction::kUp) {
    tables_.record(*step.migration, duration);
  } else {
    tables_.forget(step.migration->version);
  }
}

bool Runner::may_try_again(const std::string& sqlstate) const {
  const bool lost_to_another =
      sqlstate == kLockNotAvailable || sqlstate == "40001" || sqlstate == "40P01";
  return lost_to_another && phase_ != Phase::kBegin && connection_.is_reusable();
}

// Whether the body, against all rules, has ended the transaction it ran in: what it did before may
// have been committed.
bool Runner::has_left_transaction() {
  if (phase_ != Phase::kBody || transaction_id_.empty()) return false;
  if (is_idle_after_error_) return true;
  try {
    const auto outcome =
        connection_.query("SELECT coalesce(pg_xact_status($1::xid8), '')", transaction_id_);
    return outcome.get<std::string>(0, 0) == "committed";
  } catch (const SqlError&) {
    return false;
  }
}

std::string Runner::failure_message(const Step& step, const State& from, const SqlScript& script,
                                    const postgres::ErrorReport& report) {
  std::string unchanged = "rolled back; ";
  if (!is_loss(report.sqlstate) && has_left_transaction()) {
    unchanged = "the file " + left_transaction(from);
  } else if (from.version == kNoVersion) {
    unchanged += "there is still no version";
  } else {
    unchanged += "the version is still " + std::to_string(from.version);
  }
  if (is_loss(report.sqlstate)) {
    const std::string lost = label_of(step) + ": the connection was lost: " + describe(report);
    if (phase_ != Phase::kCommit) return lost + "\n  " + unchanged;
    return lost + "\n  it was being committed, and nobody knows whether it was: see `version`";
  }
  if (watch_.is_cancelled() && report.sqlstate == kCancelled) {
    return label_of(step) + ": cancelled; " + unchanged;
  }
  std::string text = phase_ == Phase::kBody ? describe(report, file_of(step), script)
                                            : label_of(step) + ": " + describe(report);
  if (report.sqlstate == kLockNotAvailable) text += lock_holders(connection_);
  const bool exists_already = report.sqlstate == "42P07" || report.sqlstate == "42710";
  if (exists_already && from.version == kNoVersion && step.direction == Direction::kUp) {
    text += "\n  if this database already has this schema, say so with: migrate force " +
            std::to_string(step.version_after);
  }
  return text + "\n  " + unchanged;
}

}  // namespace registry::migrate
