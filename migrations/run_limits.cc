#include "migrations/run_limits.h"

#include <algorithm>
#include <string>

namespace registry::migrate {
namespace {

constexpr std::chrono::milliseconds kMinLockWait{100};

std::string milliseconds(std::chrono::milliseconds duration) {
  return "'" + std::to_string(duration.count()) + "ms'";
}

}  // namespace

std::chrono::milliseconds own_lock_wait(const RunLimits& limits) {
  return std::max(limits.lock_timeout, kMinLockWait);
}

// The check of the connection lets a statement end when this process has gone.
void reset_session(postgres::Connection& connection, const RunLimits& limits,
                   std::chrono::milliseconds lock_wait) {
  constexpr int kHasTransactionTimeout = 170000;
  const bool has_transaction_timeout = connection.server_version() >= kHasTransactionTimeout;
  connection.execute(
      "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
      "SET standard_conforming_strings = on;"
      "SET idle_in_transaction_session_timeout = 0;"
      "SET idle_session_timeout = 0;"
      "SET client_connection_check_interval = '1s';" +
      std::string(has_transaction_timeout ? "SET transaction_timeout = 0;" : "") +
      "SET statement_timeout = " + milliseconds(limits.statement_timeout) +
      ";SET lock_timeout = " + milliseconds(lock_wait));
}

void set_local_lock_wait(postgres::Connection& connection, std::chrono::milliseconds lock_wait) {
  connection.execute("SET LOCAL lock_timeout = " + milliseconds(lock_wait));
}

void set_lock_wait(postgres::Connection& connection, std::chrono::milliseconds lock_wait) {
  connection.execute("SET lock_timeout = " + milliseconds(lock_wait));
}

}  // namespace registry::migrate
