#include "common/app/key_renewal.h"

#include <thread>

namespace registry {

bool KeyRenewal::has_newer(std::uint64_t generation, const std::function<void()>& before_wait) {
  if (keys_.look_now().generation != generation) return true;
  const Moment start = std::chrono::steady_clock::now();
  if (!begin_wait(start)) return false;
  before_wait();
  bool is_newer = false;
  while (!is_newer && std::chrono::steady_clock::now() < start + limits_.patience) {
    std::this_thread::sleep_for(limits_.poll);
    is_newer = keys_.look_now().generation != generation;
  }
  end_wait();
  return is_newer;
}

// Makes the request when it is time for one. False when there is nothing to be waited for.
bool KeyRenewal::begin_wait(Moment now) {
  const std::lock_guard lock(mutex_);
  if (!has_asked_ || now - asked_at_ >= limits_.interval) {
    ask_();
    asked_at_ = now;
    has_asked_ = true;
  }
  if (now - asked_at_ >= limits_.patience || waiting_ == limits_.waiting) return false;
  ++waiting_;
  return true;
}

void KeyRenewal::end_wait() {
  const std::lock_guard lock(mutex_);
  --waiting_;
}

}  // namespace registry
