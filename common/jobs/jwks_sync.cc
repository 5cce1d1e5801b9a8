#include "common/jobs/jwks_sync.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/auth/key_wake.h"
#include "common/base/config.h"
#include "common/base/log.h"
#include "common/base/private_folder.h"
#include "common/base/standard_descriptors.h"
#include "common/base/stop_signals.h"
#include "common/base/unique_fd.h"
#include "common/jobs/fetch_schedule.h"
#include "common/jobs/issuer_keys.h"

namespace registry::jobs {
namespace {

constexpr const char* kName = "jwks_sync";

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void throw_system(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The right to keep a file, as long as this lives; nothing when another process has it.
std::optional<UniqueFd> lock_beside(const std::string& key_file) {
  const auto folder = std::filesystem::absolute(key_file).parent_path();
  // It may be the state folder, which holds customers' data.
  if (const auto error = make_private_folder(folder)) {
    throw std::system_error(error, "cannot make " + folder.string());
  }
  UniqueFd lock(::open((key_file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                       S_IRUSR | S_IWUSR));
  if (!lock) throw_system("cannot lock " + key_file);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw_system("cannot lock " + key_file);
    return std::nullopt;
  }
  return lock;
}

// The socket that functions call; `path` fits into an address.
UniqueFd listen_for_calls(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw_system("socket");
  // Of an earlier process: the lock says that it is gone.
  ::unlink(path.c_str());
  constexpr mode_t kForTheGroup = 0660;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), kForTheGroup) != 0) {
    throw_system("cannot listen on " + path);
  }
  return socket;
}

class JwksSync {
 public:
  JwksSync(const JobConfig& config, const Log& log, const Clock& clock)
      : config_(config),
        log_(log),
        clock_(clock),
        stop_(redirect_stop_signals()),
        calls_(listen_for_calls(auth::wake_socket_of(config.tokens.key_file))) {}

  void run() {
    while (wait()) {
      schedule_.begin(SteadyClock::now());
      const auto is_good = fetch();
      if (!is_good) break;
      schedule_.end(*is_good);
    }
    log_.message(LogLevel::kInfo, "keys: fetched " + std::to_string(fetches_) + " times, failed " +
                                      std::to_string(failures_) + ", asked for " +
                                      std::to_string(calls_taken_));
  }

 private:
  // Until the next fetch is due; false when told to stop.
  bool wait() {
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(schedule_.next() - SteadyClock::now());
      const int timeout_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
      std::array<pollfd, 2> sources{{{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = calls_.get(), .events = POLLIN, .revents = 0}}};
      const int ready = ::poll(sources.data(), sources.size(), timeout_ms);
      if (ready < 0 && errno != EINTR) throw_system("poll");
      if (sources[0].revents != 0) return false;
      if (sources[1].revents != 0) take_calls();
      if (SteadyClock::now() >= schedule_.next()) return true;
    }
  }

  void take_calls() {
    // Whoever calls without a pause does not keep us from all else.
    constexpr int kCallsAtOnce = 1'000;
    char byte = 0;
    for (int i = 0; i < kCallsAtOnce && ::recv(calls_.get(), &byte, 1, 0) >= 0; ++i) {
      ++calls_taken_;
      schedule_.want();
    }
  }

  // Whether the keys could be had; nothing when told to stop.
  std::optional<bool> fetch() {
    auto issued = fetch_issuer_keys(config_.tokens, clock_, stop_.get());
    if (!issued && issued.error().fault == HttpGetFault::kStopped) return std::nullopt;
    // Who called meanwhile may miss a key that this fetch came too early for.
    take_calls();
    if (!issued) return note_failure(issued.error().message);
    try {
      replace_file(config_.tokens.key_file, issued->text);
    } catch (const std::system_error& error) {
      return note_failure(error.what());
    }
    ++fetches_;
    note_success(std::move(*issued));
    return true;
  }

  // Says what is new, which a refresh is not.
  void note_success(IssuerKeys issued) {
    const std::string usable = "; usable: " + std::to_string(issued.usable);
    if (is_failing_.value_or(true)) {
      log_.message(LogLevel::kInfo, "has the keys of the issuer" + usable);
    } else if (issued.keys != keys_) {
      log_.message(LogLevel::kInfo, "the issuer has changed its keys" + usable);
    }
    is_failing_ = false;
    keys_ = std::move(issued.keys);
  }

  // Said once: the next attempts are many.
  bool note_failure(const std::string& why) {
    ++failures_;
    if (!is_failing_.value_or(false)) {
      log_.message(LogLevel::kError,
                   "cannot get the keys of the issuer, and goes on trying: " + why);
    }
    is_failing_ = true;
    return false;
  }

  const JobConfig& config_;
  const Log& log_;
  const Clock& clock_;
  UniqueFd stop_;
  UniqueFd calls_;
  FetchSchedule schedule_{SteadyClock::now()};
  std::optional<bool> is_failing_;  // nothing before the first fetch
  std::vector<std::string> keys_;   // as last fetched
  std::uint64_t fetches_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t calls_taken_ = 0;
};

}  // namespace

int run_jwks_sync() {
  open_standard_descriptors();
  const auto config = load_job_config(process_environment);
  if (!config) return refuse_configuration(kName, config.error());
  if (auth::wake_socket_of(config->tokens.key_file).size() >= sizeof(sockaddr_un::sun_path)) {
    return refuse_configuration(
        kName, {.variable = "JWKS_FILE", .message = "is too long for the socket beside it"});
  }
  std::signal(SIGPIPE, SIG_IGN);
  const SystemClock clock;
  const Log log(config->log_level, kName, clock);
  try {
    const auto lock = lock_beside(config->tokens.key_file);
    if (!lock) {
      log.message(LogLevel::kError, "another process keeps " + config->tokens.key_file);
      return EX_TEMPFAIL;
    }
    JwksSync(*config, log, clock).run();
    return EX_OK;
  } catch (const std::exception& error) {
    log.message(LogLevel::kError, error.what());
    return EX_SOFTWARE;
  }
}

}  // namespace registry::jobs
