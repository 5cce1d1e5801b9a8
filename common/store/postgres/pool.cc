#include "common/store/postgres/pool.h"

#include <algorithm>
#include <random>
#include <utility>

namespace registry::postgres {
namespace {

std::string session_options() {
  return "-c lock_timeout=" + std::to_string(kLockTimeout.count()) +
         " -c statement_timeout=" + std::to_string(kStatementTimeout.count());
}

// Half of the time to all of it, so that the processes of a machine do not come all at once.
std::chrono::milliseconds with_jitter(std::chrono::milliseconds time) {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<std::chrono::milliseconds::rep>(
      time.count() / 2, time.count())(random));
}

std::chrono::milliseconds back_off_after(int failures) {
  constexpr int kDoublings = 10;
  return with_jitter(
      std::min(kFirstBackOff * (1 << std::min(failures - 1, kDoublings)), kLastBackOff));
}

}  // namespace

Pool::Pool(std::string url, int max_connections)
    : ConnectionPool(static_cast<std::size_t>(max_connections), kAnswerLimit),
      url_(std::move(url)) {}

std::unique_ptr<Connection> Pool::open() {
  admit_attempt();
  try {
    auto connection = connect();
    note_success();
    return connection;
  } catch (const SqlError& error) {
    note_failure(error.what());
    throw StoreUnavailable(error.what());
  } catch (...) {
    note_failure("postgres: cannot connect");
    throw;
  }
}

std::unique_ptr<Connection> Pool::connect() {
  ConnectionSettings settings{.url = url_,
                              .application_name = "tenant-registry",
                              .options = session_options(),
                              .answer_limit = kAnswerLimit,
                              .prepares = prepares_};
  try {
    auto connection = std::make_unique<Connection>(settings);
    takes_options_ = true;
    return connection;
  } catch (const SqlError&) {
    if (takes_options_) throw;
  }
  // libpq tells no SQLSTATE of a connection that failed, so whether it was for the options shows
  // only without them.
  settings.options.clear();
  return std::make_unique<Connection>(settings);
}

// While the database is away, one caller at a time finds out whether it is back.
void Pool::admit_attempt() {
  const std::lock_guard lock(mutex_);
  if (failures_ == 0) return;
  if (is_attempting_ || std::chrono::steady_clock::now() < next_attempt_) {
    throw StoreUnavailable(last_failure_);
  }
  is_attempting_ = true;
}

void Pool::note_success() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  is_attempting_ = false;
}

void Pool::note_failure(const std::string& message) {
  const std::lock_guard lock(mutex_);
  ++failures_;
  is_attempting_ = false;
  next_attempt_ = std::chrono::steady_clock::now() + back_off_after(failures_);
  last_failure_ = message;
}

}  // namespace registry::postgres
