#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "common/domain/uuid.h"

namespace registry {

// A few threads for work that takes a core and 64 MiB for as long as a hundred requests, and a
// bounded queue before them. The threads start with the first work, and run at a lower priority
// than those that answer requests, which such work must not slow down.
//
// The queue has lanes, which take turns: whoever fills one delays the others by one work of its
// own for each of theirs, no more. Thread-safe.
class Argon2Queue {
 public:
  struct Limits {
    std::size_t threads = 1;  // works at once
    std::size_t waiting = 1;  // works that wait for a thread, in all lanes
  };

  explicit Argon2Queue(const Limits& limits) : limits_(limits) {}
  Argon2Queue(const Argon2Queue&) = delete;
  Argon2Queue& operator=(const Argon2Queue&) = delete;
  // Finishes what runs and forgets what waits.
  ~Argon2Queue();

  // Queues work, which must not throw, behind what waits in its lane. False when the queue is full,
  // or the system has no thread for it.
  [[nodiscard]] bool try_add(const Uuid& lane, std::function<void()> work);

  // Whether the destructor has begun.
  [[nodiscard]] bool is_ending();

  // How many cores this process may use: one work each is as fast as it gets.
  [[nodiscard]] static std::size_t core_count() noexcept;

 private:
  using Work = std::function<void()>;

  [[nodiscard]] bool has_thread_for_more();
  [[nodiscard]] Work take_next();
  void work();

  const Limits limits_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<Uuid, std::deque<Work>> lanes_;  // none is empty
  std::deque<Uuid> turns_;                  // each of the lanes once, the next first
  std::size_t waiting_ = 0;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_ending_ = false;
};

}  // namespace registry
