#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/time.h"

namespace registry::test {

// A clock that stands still until a test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp start) : now_us_(start.unix_us) {}

  [[nodiscard]] Timestamp now() const override { return {now_us_.load()}; }
  void set(Timestamp moment) { now_us_.store(moment.unix_us); }
  void advance_us(std::int64_t us) { now_us_.fetch_add(us); }

 private:
  std::atomic<std::int64_t> now_us_;
};

}  // namespace registry::test
