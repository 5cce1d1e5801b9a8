#include "common/app/argon2_queue.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace registry {
namespace {

// A third of the weight of a thread that answers requests, on a machine that has no core to spare.
// A tenth, which is niceness 10, let a new key wait for seconds beside four busy threads.
constexpr int kNiceness = 5;

// Linux knows a niceness of a single thread, in spite of POSIX. Where it is refused, nothing is
// lost but the preference. Source: setpriority(2), "C library/kernel differences".
void lower_priority_of_this_thread() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
}

}  // namespace

Argon2Queue::~Argon2Queue() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Argon2Queue::try_add(const Uuid& lane, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (is_ending_ || !has_thread_for_more()) return false;
    auto& works = lanes_[lane];
    if (works.empty()) turns_.push_back(lane);
    works.push_back(std::move(work));
    ++waiting_;
  }
  changed_.notify_one();
  return true;
}

bool Argon2Queue::is_ending() {
  const std::lock_guard lock(mutex_);
  return is_ending_;
}

std::size_t Argon2Queue::core_count() noexcept {
  return std::max(1U, std::thread::hardware_concurrency());
}

// The caller holds mutex_.
bool Argon2Queue::has_thread_for_more() {
  if (waiting_ < idle_) return true;
  if (threads_.size() < limits_.threads) {
    try {
      threads_.emplace_back([this] { this->work(); });
      return true;
    } catch (const std::system_error&) {
      if (threads_.empty()) return false;
    }
  }
  return waiting_ < limits_.waiting + idle_;
}

// The caller holds mutex_, and something waits.
Argon2Queue::Work Argon2Queue::take_next() {
  const Uuid lane = turns_.front();
  const auto works = lanes_.find(lane);
  Work next = std::move(works->second.front());
  turns_.pop_front();
  works->second.pop_front();
  --waiting_;
  if (works->second.empty()) {
    lanes_.erase(works);
  } else {
    turns_.push_back(lane);
  }
  return next;
}

void Argon2Queue::work() {
  lower_priority_of_this_thread();
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return is_ending_ || waiting_ > 0; });
    --idle_;
    if (is_ending_) return;
    {
      const Work next = take_next();
      lock.unlock();
      next();
    }
    lock.lock();
  }
}

}  // namespace registry
