#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/log.h"
#include "common/store/store.h"

namespace registry {

// What a recorder has done since it was made.
struct KeyUseCounts {
  std::uint64_t written = 0;   // keys whose last_used_at moved
  std::uint64_t dropped = 0;   // uses beyond what may wait, or what there is memory for
  std::uint64_t failures = 0;  // writes that the store refused; what they held waits for the next

  bool operator==(const KeyUseCounts&) const = default;
};

// Writes the last_used_at of keys, in batches, in a thread of its own: callers only leave a note.
// What was noted is written within the interval, or when the recorder ends; a crash loses it, and
// so does a store that stays away while more is noted than may wait. The thread starts with the
// first note. Thread-safe.
class KeyUseRecorder {
 public:
  static constexpr std::chrono::milliseconds kInterval{5'000};
  // Keys whose use waits to be written; about 100 bytes each.
  static constexpr std::size_t kWaitingLimit = 10'000;
  // Of one statement.
  static constexpr std::size_t kBatch = 1'000;

  // Both must outlive the recorder.
  KeyUseRecorder(ApiKeyStore& store, const Log& log, std::chrono::milliseconds interval = kInterval)
      : store_(store), log_(log), interval_(interval) {}
  KeyUseRecorder(const KeyUseRecorder&) = delete;
  KeyUseRecorder& operator=(const KeyUseRecorder&) = delete;
  // Writes what waits, once.
  ~KeyUseRecorder();

  // Notes that the key was used when it was read. Nothing to do where its last use, as it was read,
  // is less than kKeyUseResolution ago.
  void note(const ApiKeyCandidate& candidate) noexcept;

  [[nodiscard]] KeyUseCounts counts() const;

 private:
  using Uses = std::map<Uuid, Timestamp>;

  void keep(const ApiKeyCandidate& candidate);
  void run();
  void write_or_keep(Uses uses) noexcept;
  void write(Uses& uses);
  [[nodiscard]] bool write_batch(const std::vector<KeyUse>& batch);

  ApiKeyStore& store_;
  const Log& log_;
  const std::chrono::milliseconds interval_;
  bool is_failing_ = false;  // of the thread alone: an outage is logged once

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Uses waiting_;
  std::thread thread_;
  bool is_ending_ = false;
  KeyUseCounts counts_;
};

}  // namespace registry
