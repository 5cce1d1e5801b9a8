#include "common/fcgi/crew.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace registry::fcgi {

Crew::Crew(const Size& size, std::function<void(Worker&)> work)
    : thread_limit_(static_cast<std::size_t>(size.places + size.aside_limit)),
      places_(size.places),
      work_(std::move(work)) {
  // A started thread must not be lost for want of memory.
  members_.reserve(thread_limit_);
}

void Crew::start() {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < places_; ++i) add_thread();
}

bool Crew::step_aside() noexcept {
  const std::lock_guard lock(mutex_);
  if (has_ended_) return false;
  Worker* const worker = own_worker();
  if (worker == nullptr) return false;
  if (worker->is_aside) return true;
  if (waiting_ > free_places_) {
    ++free_places_;
    changed_.notify_one();
  } else if (members_.size() < thread_limit_) {
    try {
      add_thread();
    } catch (const std::exception&) {
      return false;
    }
  } else {
    return false;
  }
  worker->is_aside = true;
  return true;
}

bool Crew::take_place(Worker& worker) {
  if (!worker.is_aside) return true;
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.wait(lock, [this] { return free_places_ > 0 || has_ended_; });
  --waiting_;
  if (has_ended_) return false;
  --free_places_;
  worker.is_aside = false;
  return true;
}

// The caller holds mutex_. Null in a thread of somebody else.
Worker* Crew::own_worker() {
  const auto found = std::find_if(members_.begin(), members_.end(), [](const Member& member) {
    return member.thread.get_id() == std::this_thread::get_id();
  });
  return found == members_.end() ? nullptr : found->worker.get();
}

// The caller holds mutex_.
void Crew::add_thread() {
  auto worker = std::make_unique<Worker>();
  std::thread thread([this, &worker = *worker] { work_(worker); });
  members_.push_back({.worker = std::move(worker), .thread = std::move(thread)});
}

void Crew::end() {
  has_ended_ = true;
  changed_.notify_all();
}

void Crew::join() {
  {
    const std::lock_guard lock(mutex_);
    end();
  }
  // Nobody else looks at the members any more.
  for (Member& member : members_) member.thread.join();
}

void Crew::detach() {
  const std::lock_guard lock(mutex_);
  end();
  for (Member& member : members_) member.thread.detach();
}

}  // namespace registry::fcgi
