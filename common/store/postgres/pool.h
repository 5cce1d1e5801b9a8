#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/store/connection_pool.h"
#include "common/store/postgres/connection.h"

namespace registry::postgres {

// How long one statement may wait for a lock, and how long it may take in all, by the server's
// clock, where neither the server's configuration, nor the role, nor the URL says anything; and how
// long we wait for its answer, which is longer, so that the server's own word comes first. All stay
// well below the time after which nginx gives up on a function. Behind a pooler, whose sessions are
// not ours to set, only the last one holds: set the others for the role.
inline constexpr std::chrono::milliseconds kLockTimeout{3'000};
inline constexpr std::chrono::milliseconds kStatementTimeout{5'000};
inline constexpr std::chrono::milliseconds kAnswerLimit{6'000};

// What else holds where nobody has set it. Each statement is a look into an index, whatever the
// values: to plan it anew for them, or to compile it, takes longer than most statements and finds
// nothing better. To read a whole table, or what an index finds in the order of the table, is
// better where there is little of it, which does not tell us when it has grown.
struct PlannerSetting {
  const char* name;
  const char* value;
};
inline constexpr std::array<PlannerSetting, 4> kPlannerSettings = {{
    {.name = "enable_bitmapscan", .value = "off"},
    {.name = "enable_seqscan", .value = "off"},
    {.name = "jit", .value = "off"},
    {.name = "plan_cache_mode", .value = "force_generic_plan"},
}};

// After a failure to connect the next attempt waits this long, twice as long each time, up to the
// last one; meanwhile callers fail at once, so that nobody queues up for a database that is away.
inline constexpr std::chrono::milliseconds kFirstBackOff{50};
inline constexpr std::chrono::milliseconds kLastBackOff{500};

// The connections of one process to one database. Connections that the server has closed while they
// lay idle are replaced before anybody notices.
class Pool final : public ConnectionPool<Connection> {
 public:
  // `url` is a libpq URL or conninfo, of several hosts if you like. At most `max_connections` (at
  // least 1) at a time.
  Pool(std::string url, int max_connections);

  // Lets the connections of the future prepare no statements, see Connection::query().
  void stop_preparing() { prepares_ = false; }

 private:
  [[nodiscard]] std::unique_ptr<Connection> open() override;
  [[nodiscard]] bool is_usable(const Connection& connection) const override {
    return !connection.is_stale();
  }

  [[nodiscard]] std::unique_ptr<Connection> connect() const;
  [[nodiscard]] int admit_attempt();
  void note_success();
  void note_failure(int failures_before, const SqlError& error);

  const std::string url_;
  std::atomic<bool> prepares_ = true;

  // The back-off, guarded by mutex_.
  std::mutex mutex_;
  int failures_ = 0;  // in a row
  bool is_attempting_ = false;
  std::chrono::steady_clock::time_point next_attempt_;
  std::optional<SqlError> last_failure_;
};

}  // namespace registry::postgres
