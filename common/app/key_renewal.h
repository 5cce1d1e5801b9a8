#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "common/auth/key_file.h"

namespace registry {

// Brings about that jwks_sync looks for new keys, when a token names one that the set lacks, and
// waits a moment for them: whoever has just got a token with a new key is not sent away with it.
// Thread-safe.
class KeyRenewal {
 public:
  struct Limits {
    std::chrono::milliseconds interval{10'000};  // from one request for new keys to the next
    std::chrono::milliseconds patience{1'000};   // of those who wait for what came of it
    std::chrono::milliseconds poll{20};          // how often they look at the file
    std::size_t waiting = 32;                    // at once; each has a thread
  };

  // `ask` makes the request; `keys` must outlive this.
  KeyRenewal(auth::KeyFile& keys, std::function<void()> ask, const Limits& limits)
      : keys_(keys), ask_(std::move(ask)), limits_(limits) {}

  // Whether there is another set than the one of `generation`. Asks for one if nobody has in the
  // last interval, and waits for it if there is anything to be waited for. `before_wait` is called
  // before.
  [[nodiscard]] bool has_newer(std::uint64_t generation, const std::function<void()>& before_wait);

 private:
  using Moment = std::chrono::steady_clock::time_point;

  [[nodiscard]] bool begin_wait(Moment now);
  void end_wait();

  auth::KeyFile& keys_;
  const std::function<void()> ask_;
  const Limits limits_;
  std::mutex mutex_;  // guards what follows
  Moment asked_at_;   // valid if has_asked_
  bool has_asked_ = false;
  std::size_t waiting_ = 0;
};

}  // namespace registry
