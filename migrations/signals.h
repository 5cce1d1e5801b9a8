#pragma once

#include <chrono>
#include <string_view>

#include "common/base/unique_fd.h"

namespace registry::migrate {

// What is said of a signal that found nothing to finish.
constexpr std::string_view kInterrupted = "error: interrupted; no migration was running\n";

// Writes `message` to the standard error output and ends the process with exit code 1, as it is:
// nothing is closed or waited for. Safe in a signal handler.
[[noreturn]] void leave_at_once(std::string_view message) noexcept;

// From now on SIGINT and SIGTERM end the process at once, with a message and exit code 1: right
// while nothing runs that would have to be finished. The server ends the session by itself. A
// reader that goes away (SIGPIPE) is ignored.
void exit_on_stop_signals();

// While this exists, SIGINT and SIGTERM do nothing but be counted. Threads that begin
// meanwhile leave them alone as well; none has begun before.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  // Readable when a signal has come that count() has not yet counted.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // How many have come so far.
  [[nodiscard]] int count();
  // Waits; false as soon as a signal comes, or when one had come before.
  [[nodiscard]] bool pause(std::chrono::milliseconds duration);

 private:
  UniqueFd fd_;
  int count_ = 0;
};

}  // namespace registry::migrate
