#include "migrations/signals.h"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "migrations/failure.h"

namespace registry::migrate {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  return signals;
}

extern "C" void exit_at_once(int /*signal*/) {
  leave_at_once(kInterrupted);
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  if (::sigaction(signal, &action, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "sigaction");
  }
}

}  // namespace

void leave_at_once(std::string_view message) noexcept {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(kExitFailed);
}

void exit_on_stop_signals() {
  set_handler(SIGINT, exit_at_once);
  set_handler(SIGTERM, exit_at_once);
  set_handler(SIGPIPE, SIG_IGN);
}

StopSignals::StopSignals() {
  const sigset_t signals = stop_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  fd_ = UniqueFd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
}

StopSignals::~StopSignals() {
  (void)count();  // what came too late for anything must not end the process now
  const sigset_t signals = stop_signals();
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

int StopSignals::count() {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) ++count_;
  return count_;
}

bool StopSignals::pause(std::chrono::milliseconds duration) {
  if (count() > 0) return false;
  pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  (void)::poll(&ready, 1, static_cast<int>(duration.count()));
  return count() == 0;
}

}  // namespace registry::migrate
