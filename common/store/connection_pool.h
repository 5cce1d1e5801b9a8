#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "common/store/store.h"

namespace registry {

// The connections of one process to one database, opened when they are first needed, at most
// `max_connections` (at least 1) at a time. Thread-safe. Making a pool opens nothing, so a process
// starts while its store is away; and a pool that has lent nothing yet may be taken through fork().
template <class Connection>
class ConnectionPool {
 public:
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // A connection on loan. Nobody else uses it until the lease goes. One that is then not reusable
  // does not go back: it is closed.
  class Lease {
   public:
    // Waits while all connections are lent. Throws StoreUnavailable when that lasts longer than the
    // pool's patience, or when a new connection cannot be made.
    explicit Lease(ConnectionPool& pool) : pool_(pool), connection_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(connection_)); }

    [[nodiscard]] Connection& operator*() const { return *connection_; }
    [[nodiscard]] Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool& pool_;
    std::unique_ptr<Connection> connection_;
  };

 protected:
  ConnectionPool(std::size_t max_connections, std::chrono::milliseconds patience)
      : max_connections_(max_connections), patience_(patience) {
    idle_.reserve(max_connections_);
  }
  virtual ~ConnectionPool() = default;

  // Called by several threads at once.
  [[nodiscard]] virtual std::unique_ptr<Connection> open() = 0;
  // Whether a connection that lay idle is still good.
  [[nodiscard]] virtual bool is_usable(const Connection& connection) const = 0;

 private:
  [[nodiscard]] std::unique_ptr<Connection> take() {
    {
      std::unique_lock lock(mutex_);
      if (!returned_.wait_for(lock, patience_, [this] { return lent_ < max_connections_; })) {
        throw StoreUnavailable("all connections to the store stayed in use");
      }
      ++lent_;
    }
    try {
      while (auto connection = take_idle()) {
        if (is_usable(*connection)) return connection;
      }
      return open();
    } catch (...) {
      give_back(nullptr);
      throw;
    }
  }

  // The one that was used last: the others may be closed by then.
  [[nodiscard]] std::unique_ptr<Connection> take_idle() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  void give_back(std::unique_ptr<Connection> connection) noexcept {
    const bool keep = connection != nullptr && connection->is_reusable();
    if (!keep) connection.reset();  // closing may take time: not under the mutex
    {
      const std::lock_guard lock(mutex_);
      --lent_;
      if (keep) idle_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }

  const std::size_t max_connections_;
  const std::chrono::milliseconds patience_;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t lent_ = 0;                           // guarded by mutex_
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
};

}  // namespace registry
