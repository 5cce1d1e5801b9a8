#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/store/sqlite/connection.h"

namespace registry::sqlite {

// The connections of one process to one database, made when they are first needed. Thread-safe.
// Making a pool touches no file, so a process starts while its store is away; and a pool that has
// lent nothing yet may be taken through fork().
class Pool {
 public:
  // A database file; its folder and the file are made when they are missing, for this user only.
  // At most `max_connections` (at least 1) at a time. `clock` must outlive the pool.
  [[nodiscard]] static std::shared_ptr<Pool> on_disk(std::string file, int max_connections,
                                                     const Clock& clock);
  // A database in memory, gone with the pool; all threads share its one connection.
  [[nodiscard]] static std::shared_ptr<Pool> in_memory(const Clock& clock);

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A connection on loan, with its schema current. Nobody else uses it until the lease goes. A
  // connection that is broken or still in a transaction does not go back: it is closed.
  class Lease {
   public:
    // Waits while all connections are lent. Throws StoreUnavailable after kBusyTimeout, or when a
    // new connection cannot be made.
    explicit Lease(Pool& pool) : pool_(pool), connection_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(connection_)); }

    [[nodiscard]] Connection& operator*() const { return *connection_; }
    [[nodiscard]] Connection* operator->() const { return connection_.get(); }

   private:
    Pool& pool_;
    std::unique_ptr<Connection> connection_;
  };

 private:
  Pool(std::optional<std::string> file, std::size_t max_connections, const Clock& clock);

  [[nodiscard]] std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection) noexcept;
  [[nodiscard]] std::unique_ptr<Connection> open() const;

  const std::optional<std::string> file_;  // absent: in memory
  const std::size_t max_connections_;
  const Clock& clock_;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t lent_ = 0;                           // guarded by mutex_
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
};

}  // namespace registry::sqlite
