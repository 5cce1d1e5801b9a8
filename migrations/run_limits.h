#pragma once

#include <chrono>

#include "common/store/postgres/connection.h"

namespace registry::migrate {

struct RunLimits {
  // How long a migration may try to get its table locks, attempt after attempt; and how long any
  // other statement of ours may wait for one.
  std::chrono::milliseconds lock_timeout{15'000};
  std::chrono::milliseconds statement_timeout{0};  // zero: none
};

// The wait for a table lock that a statement of our own gets: never zero, which is without end.
[[nodiscard]] std::chrono::milliseconds own_lock_wait(const RunLimits& limits);

// Makes a session as it was when it began, whatever a migration has set, but with our own limits.
// Not behind a pooler, where the settings would stay with another's session.
void reset_session(postgres::Connection& connection, const RunLimits& limits,
                   std::chrono::milliseconds lock_wait);

// Sets the wait for a table lock: for the open transaction, or for the session. Zero: without end.
void set_local_lock_wait(postgres::Connection& connection, std::chrono::milliseconds lock_wait);
void set_lock_wait(postgres::Connection& connection, std::chrono::milliseconds lock_wait);

}  // namespace registry::migrate
