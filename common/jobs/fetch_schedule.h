#pragma once

#include <chrono>

namespace registry::jobs {

// When to fetch the issuer's keys: at once, then every five minutes, at the next opportunity when
// somebody misses a key, and never twice within ten seconds, whatever comes of it.
class FetchSchedule {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::minutes kInterval{5};
  static constexpr std::chrono::seconds kLeastInterval{10};

  explicit FetchSchedule(Moment start) : next_(start) {}

  // The moment to begin the next one at.
  [[nodiscard]] Moment next() const { return next_; }

  // A fetch begins.
  void begin(Moment now);
  // The last one has ended; after a failure the next one is not put off longer than it must be.
  void end(bool is_good);
  // Somebody misses a key. Also while a fetch goes on, which may have come too early for it.
  void want();

 private:
  [[nodiscard]] Moment earliest() const { return began_ + kLeastInterval; }

  Moment next_;
  Moment began_;  // the last fetch; none before the first
  bool has_begun_ = false;
  bool is_under_way_ = false;
  bool is_wanted_ = false;  // since the last one began
};

}  // namespace registry::jobs
