#pragma once

#include <chrono>
#include <string>

#include "common/store/postgres/connection.h"
#include "migrations/signals.h"

namespace registry::migrate {

// Looks at the signals, and at the clock, during every wait for the server while it exists.
//
// While a task runs, a first stop signal lets it end, a second one cancels its statement, whichever
// that is, and a third one ends the process: the server may not answer at all. Without a task the
// first one ends the process.
class Watch {
 public:
  Watch(postgres::Connection& connection, StopSignals& signals);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { connection_.watch({}); }

  // Something that must not be left halfway, from its construction to its end; one at a time.
  class Task {
   public:
    Task(Watch& watch, std::string label);
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { watch_.label_.clear(); }

   private:
    Watch& watch_;
  };

  // Whether a signal has cancelled a statement.
  [[nodiscard]] bool is_cancelled() const { return is_cancelled_; }

 private:
  using Clock = std::chrono::steady_clock;

  void look();

  postgres::Connection& connection_;
  StopSignals& signals_;
  std::string label_;  // of the task; empty: none
  Clock::time_point begin_;
  Clock::time_point next_line_;
  bool is_stop_said_ = false;
  bool is_cancelled_ = false;
};

}  // namespace registry::migrate
