#include "migrations/watch.h"

#include <utility>

#include "migrations/console.h"
#include "migrations/duration.h"

namespace registry::migrate {
namespace {

// How often to look at the clock while a statement runs, and to say that it does.
constexpr std::chrono::milliseconds kWatchInterval{1000};
constexpr std::chrono::seconds kLineInterval{5};

}  // namespace

Watch::Watch(postgres::Connection& connection, StopSignals& signals)
    : connection_(connection), signals_(signals) {
  connection_.watch({.fd = signals_.fd(), .interval = kWatchInterval, .call = [this] { look(); }});
}

Watch::Task::Task(Watch& watch, std::string label) : watch_(watch) {
  watch_.label_ = std::move(label);
  watch_.begin_ = Clock::now();
  watch_.next_line_ = watch_.begin_ + kLineInterval;
}

void Watch::look() {
  const int stops = signals_.count();
  if (label_.empty()) {
    if (stops > 0) leave_at_once(kInterrupted);
    return;
  }
  if (stops > 2) {
    leave_at_once("error: " + label_ +
                  ": left before the server answered; nobody knows whether it took effect: see "
                  "`version`\n");
  }
  if (stops > 0 && !is_stop_said_) {
    say("stopping after " + label_ + "; another signal cancels it");
    is_stop_said_ = true;
  }
  if (stops > 1) {
    if (!is_cancelled_) say("cancelling " + label_ + "; a third signal leaves at once");
    is_cancelled_ = true;
    // Each time anew: between two statements there is nothing to cancel.
    connection_.cancel();
  }
  const Clock::time_point now = Clock::now();
  if (now < next_line_) return;
  next_line_ = now + kLineInterval;
  say(label_ + ": still running (" +
      format_duration(std::chrono::duration_cast<std::chrono::microseconds>(now - begin_)) + ")");
}

}  // namespace registry::migrate
