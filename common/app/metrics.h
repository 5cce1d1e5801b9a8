#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/base/counters.h"

namespace registry {

// What ends an operation of the store that is no answer: an outage, or a bug.
enum class StoreFailure { kUnavailable, kFailed };

// What becomes of a plaintext of an API key, see KeyProverCounts.
enum class KeyEvent {
  kMatchRemembered,
  kMismatchRemembered,
  kProof,
  kJoined,
  kRefused,
  kFailure,
};

// What a function counts for operators. Goes on from where former processes of the function are,
// and counts together with those that run beside this one. Thread-safe; one for the process.
class Metrics {
 public:
  // The durations of requests are counted in buckets with these upper bounds, and one more.
  static constexpr std::array<std::chrono::microseconds, 13> kDurationBounds = {
      std::chrono::microseconds{500},       std::chrono::microseconds{1'000},
      std::chrono::microseconds{2'500},     std::chrono::microseconds{5'000},
      std::chrono::microseconds{10'000},    std::chrono::microseconds{25'000},
      std::chrono::microseconds{50'000},    std::chrono::microseconds{100'000},
      std::chrono::microseconds{250'000},   std::chrono::microseconds{500'000},
      std::chrono::microseconds{1'000'000}, std::chrono::microseconds{2'500'000},
      std::chrono::microseconds{10'000'000}};

  // As a process that starts now and counts into `file`.
  explicit Metrics(CounterFile file);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A request that was answered. `in_store`: for how long it waited for the store.
  void count_request(int status, std::chrono::microseconds duration,
                     std::chrono::microseconds in_store);
  void count_store_failure(StoreFailure failure) const;
  void count_key_event(KeyEvent event) const;
  // A caller begins, or ends, to wait for argon2.
  void enter_argon2_queue() const { argon2_queue_.add(); }
  void leave_argon2_queue() const { argon2_queue_.subtract(); }

 private:
  static constexpr std::size_t kStoreFailures = 2;
  static constexpr std::size_t kKeyEvents = 6;

  [[nodiscard]] Counter requests_with(int status);

  CounterFile file_;
  std::array<Counter, kDurationBounds.size() + 1> durations_;
  Counter duration_us_;
  Counter store_us_;
  std::array<Counter, kStoreFailures> store_failures_;
  std::array<Counter, kKeyEvents> key_events_;
  Counter argon2_queue_;

  std::mutex mutex_;  // guards what follows
  std::map<int, Counter> requests_;
};

// The counters of a function in a folder (METRICS_DIR), which is made when it is missing. On
// failure says what is wrong.
[[nodiscard]] tl::expected<CounterFile, std::string> open_counters(const std::string& folder,
                                                                   std::string_view function);

// What all functions have counted in the folder, in the text format of Prometheus, version 0.0.4:
// families in a fixed order, within one the functions by name. A file that cannot be read is
// counted in the last family, and left out. On failure says what is wrong with the folder.
[[nodiscard]] tl::expected<std::string, std::string> metrics_text(const std::string& folder);

}  // namespace registry
