#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/postgres/connection.h"

namespace registry::migrate {

// CRC-32 as of IEEE 802.3, zlib and Go's crc32.ChecksumIEEE.
[[nodiscard]] std::uint32_t crc32(std::string_view bytes);

// The id of golang-migrate's advisory lock for its table in `schema`.
// Source: GenerateAdvisoryLockId in golang-migrate v4, database/util.go
[[nodiscard]] std::int64_t lock_id(std::string_view schema, std::string_view database);

// The locks that keep every other run out, ours and golang-migrate's: its name for a database has a
// leading slash when it was opened by URL. All take them in this order.
[[nodiscard]] std::vector<std::int64_t> lock_ids(std::string_view schema,
                                                 std::string_view database);

// SQLSTATE of a lock_timeout that is over.
constexpr std::string_view kLockNotAvailable = "55P03";

// The sessions that hold locks on tables of this database, the oldest first, as lines that may
// follow a message; empty when none does, or when they cannot be had.
[[nodiscard]] std::string lock_holders(postgres::Connection& connection);

// Holds advisory locks of the session. Needs a session of its own: behind a pooler that shares them
// the locks would be another's.
class DatabaseLock {
 public:
  // Takes all locks, asking again until it has them: a session that waits inside the server would
  // hold a snapshot meanwhile, and CREATE INDEX CONCURRENTLY of the holder would wait for that.
  // Throws Failed when `timeout` has passed; zero asks just once.
  DatabaseLock(postgres::Connection& connection, const std::vector<std::int64_t>& ids,
               std::chrono::milliseconds timeout);
  DatabaseLock(const DatabaseLock&) = delete;
  DatabaseLock& operator=(const DatabaseLock&) = delete;
  ~DatabaseLock();

  // Throws Failed when a lock is not held any more: a migration can let go of its session's locks.
  void require_held();

 private:
  [[nodiscard]] bool try_lock(std::int64_t id);
  void unlock() noexcept;

  postgres::Connection& connection_;
  std::vector<std::int64_t> held_;
};

}  // namespace registry::migrate
