#include "common/store/postgres/pool.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "common/store/postgres/outage.h"

namespace registry::postgres {
namespace {

// Sets what nobody has set for this session, unless a pooler stands between.
std::string settings_of(int backend_pid) {
  std::string values = "('lock_timeout', '" + std::to_string(kLockTimeout.count()) +
                       "'), ('statement_timeout', '" + std::to_string(kStatementTimeout.count()) +
                       "')";
  for (const PlannerSetting& setting : kPlannerSettings) {
    values.append(", ('").append(setting.name).append("', '").append(setting.value).append("')");
  }
  return "SELECT set_config(name, v.value, false) FROM (VALUES " + values +
         ") v (name, value) JOIN pg_settings s USING (name)"
         " WHERE s.source = 'default' AND pg_backend_pid() = " +
         std::to_string(backend_pid);
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
  const int failures_before = admit_attempt();
  try {
    auto connection = connect();
    note_success();
    return connection;
  } catch (const SqlError& error) {
    note_failure(failures_before, error);
    throw outage(error);
  } catch (const std::exception& error) {
    note_failure(failures_before, SqlError({.message = error.what()}));
    throw;
  }
}

std::unique_ptr<Connection> Pool::connect() const {
  auto connection =
      std::make_unique<Connection>(ConnectionSettings{.url = url_,
                                                      .application_name = "tenant-registry",
                                                      .answer_limit = kAnswerLimit,
                                                      .prepares = prepares_});
  connection->execute(settings_of(connection->backend_pid()));
  return connection;
}

// While the database is away, one caller at a time finds out whether it is back. Returns how many
// attempts in a row had failed by then.
int Pool::admit_attempt() {
  const std::lock_guard lock(mutex_);
  if (failures_ == 0) return 0;
  if (is_attempting_ || std::chrono::steady_clock::now() < next_attempt_) {
    throw outage(*last_failure_);
  }
  is_attempting_ = true;
  return failures_;
}

void Pool::note_success() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  is_attempting_ = false;
}

void Pool::note_failure(int failures_before, const SqlError& error) {
  const std::lock_guard lock(mutex_);
  // Of attempts that began together, before anything had failed, the first one counts.
  if (failures_ != failures_before) return;
  ++failures_;
  is_attempting_ = false;
  next_attempt_ = std::chrono::steady_clock::now() + back_off_after(failures_);
  last_failure_ = error;
}

}  // namespace registry::postgres
