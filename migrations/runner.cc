#include "migrations/runner.h"

#include <algorithm>

#include "common/store/postgres/sql_error.h"
#include "migrations/console.h"
#include "migrations/duration.h"
#include "migrations/failure.h"
#include "migrations/sql_report.h"

namespace registry::migrate {
namespace {

using postgres::SqlError;

// A statement that waits for a table lock makes everybody else on that table wait behind it.
constexpr std::chrono::milliseconds kTableLockWait{2000};
constexpr std::chrono::milliseconds kMinTableLockWait{100};  // zero would be without end
// Between two attempts to get the locks; doubles each time.
constexpr std::chrono::milliseconds kFirstPause{500};

// How often to look at the clock and the signals while a statement runs, and to say that it does.
constexpr std::chrono::milliseconds kWatchInterval{1000};
constexpr std::chrono::seconds kLineInterval{5};

constexpr const char* kLockTimeout = "55P03";
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

std::string milliseconds(std::chrono::milliseconds duration) {
  return "'" + std::to_string(duration.count()) + "ms'";
}

}  // namespace

void require_runnable(const Step& step) {
  const SqlScript script(text_of(step));
  if (const auto problem = script.problem()) {
    throw Failed(at_place(file_of(step), script, problem->at, problem->message));
  }
}

void Runner::run(const Step& step, const State& from) {
  begin_ = Clock::now();
  next_line_ = begin_ + kLineInterval;
  const SqlScript script(text_of(step));
  if (script.runs_outside_transaction() && !script.statements().empty()) {
    run_outside(step, from, script);
  } else {
    run_inside(step, from, script);
  }
  const auto duration =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
  say(label_of(step) + " (" + format_duration(duration) + ")");
}

void Runner::run_inside(const Step& step, const State& from, const SqlScript& script) {
  const Clock::time_point deadline = Clock::now() + limits_.lock_timeout;
  for (std::chrono::milliseconds pause = kFirstPause;; pause *= 2) {
    try {
      attempt(step, from, script, deadline);
      return;
    } catch (const SqlError& error) {
      const bool is_time_left = Clock::now() + pause < deadline;
      if (!may_try_again(error.report().sqlstate) || !is_time_left) {
        throw Failed(failure_message(step, from, script, error.report()));
      }
      say(label_of(step) + ": " + describe(error.report()) + "; rolled back, trying again");
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
  const auto time_left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  reset_session(std::clamp(time_left, kMinTableLockWait, kTableLockWait));
  const Clock::time_point begin = Clock::now();
  postgres::Transaction transaction(connection_);
  const auto transaction_id = [&] {
    return connection_.query("SELECT pg_current_xact_id()::text").get<std::string>(0, 0);
  };
  const std::string id = transaction_id();

  phase_ = Phase::kBody;
  if (!script.statements().empty()) {
    connection_.execute(std::string(script.text()), hook(step));
  }
  // SqlScript::problem() has seen to it; but if it was wrong, the version must not move.
  if (!connection_.is_in_transaction() || transaction_id() != id) {
    throw Failed(file_of(step) + ": ended its transaction; what it did before stays, the version " +
                 "is still " + std::to_string(from.version));
  }

  phase_ = Phase::kVersion;
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  connection_.execute("RESET SESSION AUTHORIZATION; RESET ROLE");
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
    reset_session(std::chrono::milliseconds{0});
    mark_dirty(from, dirty.version);
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
    reset_session(kTableLockWait);
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
      connection_.execute(std::string(script.text_of(statements[i])), hook(step));
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

// A migration finds the session as it was when it began, whatever the one before has set; and our
// own limits. The check of the connection lets a statement end when this process has gone.
void Runner::reset_session(std::chrono::milliseconds table_lock_wait) {
  connection_.execute(
      "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
      "SET standard_conforming_strings = on;"
      "SET idle_in_transaction_session_timeout = 0;"
      "SET client_connection_check_interval = '1s';"
      "SET statement_timeout = " +
      milliseconds(limits_.statement_timeout) +
      ";SET lock_timeout = " + milliseconds(table_lock_wait));
  constexpr int kHasTransactionTimeout = 170000;
  if (connection_.server_version() >= kHasTransactionTimeout) {
    connection_.execute("SET transaction_timeout = 0");
  }
}

bool Runner::may_try_again(const std::string& sqlstate) const {
  const bool lost_to_another =
      sqlstate == kLockTimeout || sqlstate == "40001" || sqlstate == "40P01";
  return lost_to_another && phase_ != Phase::kBegin && connection_.is_reusable();
}

postgres::WaitHook Runner::hook(const Step& step) {
  return {.fd = signals_.fd(), .interval = kWatchInterval, .call = [this, label = label_of(step)] {
            watch(label);
          }};
}

void Runner::watch(const std::string& label) {
  const int stops = signals_.count();
  if (stops > 0 && !is_stop_said_) {
    say("stopping after " + label + "; another signal cancels it");
    is_stop_said_ = true;
  }
  if (stops > 1) {
    if (!is_cancelled_) say("cancelling " + label);
    is_cancelled_ = true;
    // Each time anew: between two statements there is nothing to cancel.
    connection_.cancel();
  }
  const Clock::time_point now = Clock::now();
  if (now < next_line_) return;
  next_line_ = now + kLineInterval;
  say(label + ": still running (" +
      format_duration(std::chrono::duration_cast<std::chrono::microseconds>(now - begin_)) + ")");
}

std::string Runner::failure_message(const Step& step, const State& from, const SqlScript& script,
                                    const postgres::ErrorReport& report) const {
  const std::string unchanged =
      from.version == kNoVersion
          ? "rolled back; there is still no version"
          : "rolled back; the version is still " + std::to_string(from.version);
  if (postgres::ends_connection(report.sqlstate)) {
    const std::string lost = label_of(step) + ": the connection was lost: " + describe(report);
    if (phase_ != Phase::kCommit) return lost + "\n  " + unchanged;
    return lost + "\n  it was being committed, and nobody knows whether it was: see `version`";
  }
  if (is_cancelled_ && report.sqlstate == kCancelled) {
    return label_of(step) + ": cancelled; " + unchanged;
  }
  if (phase_ != Phase::kBody) {
    return label_of(step) + ": " + describe(report) + "\n  " + unchanged;
  }
  std::string text = describe(report, file_of(step), script);
  if (report.sqlstate == kLockTimeout) {
    text += "\n  another session holds a lock that this needs, and did not let go in time";
  }
  return text + "\n  " + unchanged;
}

}  // namespace registry::migrate
