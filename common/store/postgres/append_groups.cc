#include "common/store/postgres/append_groups.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <utility>

#include "common/store/postgres/sql_error.h"

namespace registry::postgres {

namespace {

// Whether there is something to win. Of what an event has without a small limit of its own, its
// metadata and the tail of its hash are the whole.
bool is_small(std::span<const AuditSubmission> events) {
  if (events.size() > AppendGroups::kMemberLimit) return false;
  std::size_t bytes = 0;
  for (const AuditSubmission& submission : events) {
    bytes += submission.event.metadata_json.size() + submission.hash_tail.size();
    if (submission.retraced_json) bytes += submission.retraced_json->size();
  }
  return bytes <= AppendGroups::kMemberByteLimit;
}

}  // namespace

// An append, on the stack of its thread.
struct AppendGroups::Member {
  enum class State {
    kWaiting,
    kFirst,  // its thread appends the next group
    kTaken,  // in a group that is under way
    kOver,   // it has receipts, or is lost; else it is still to be appended, by itself
  };

  explicit Member(std::span<const AuditSubmission> its_events) : events(its_events) {
    // So that nothing can fail when they are there.
    receipts.reserve(events.size());
  }

  const std::span<const AuditSubmission> events;
  State state = State::kWaiting;
  std::condition_variable moved;
  std::vector<AuditReceipt> receipts;
  std::exception_ptr lost;
};

class AppendGroups::Turn {
 public:
  Turn(AppendGroups& groups, Queues::iterator queue) : groups_(groups), queue_(queue) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    const std::lock_guard lock(groups_.mutex_);
    if (queue_->waiting.empty()) {
      groups_.queues_.erase(queue_);
      return;
    }
    Member& next = groups_.pop_waiting(*queue_);
    next.state = Member::State::kFirst;
    next.moved.notify_one();
  }

 private:
  AppendGroups& groups_;
  const Queues::iterator queue_;
};

Result<std::vector<AuditReceipt>> AppendGroups::run(const TenantScope& scope,
                                                    std::span<const AuditSubmission> events,
                                                    const Append& append) {
  if (!is_small(events)) return append(events);
  Member me(events);
  const Queues::iterator queue = wait_for_turn(scope, me);
  if (me.state == Member::State::kFirst) {
    const Turn turn(*this, queue);
    const std::vector<Member*> group = form_group(*queue, me);
    if (group.size() == 1) return append(events);
    append_together(group, append);
  }
  if (me.lost) std::rethrow_exception(me.lost);
  if (!me.receipts.empty()) return std::move(me.receipts);
  return append(events);
}

std::size_t AppendGroups::count_waiting() {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

// The caller holds mutex_; somebody waits.
AppendGroups::Member& AppendGroups::pop_waiting(Queue& queue) {
  Member& first = *queue.waiting.front();
  queue.waiting.pop_front();
  --waiting_;
  return first;
}

// Returns when there is nothing to wait for any more; the queue is there as long as the member is
// the first.
AppendGroups::Queues::iterator AppendGroups::wait_for_turn(const TenantScope& scope,
                                                           Member& member) {
  std::unique_lock lock(mutex_);
  const auto found = std::find_if(queues_.begin(), queues_.end(),
                                  [&](const Queue& queue) { return queue.scope == scope; });
  if (found == queues_.end()) {
    member.state = Member::State::kFirst;
    return queues_.insert(found, Queue{.scope = scope});
  }
  found->waiting.push_back(&member);
  if (++waiting_ <= kAppendsAside) {
    lock.unlock();
    before_wait_();
    lock.lock();
  }
  member.moved.wait_for(lock, patience_, [&] { return member.state != Member::State::kWaiting; });
  if (member.state == Member::State::kWaiting) {
    std::erase(found->waiting, &member);
    --waiting_;
  }
  member.moved.wait(lock, [&] { return member.state != Member::State::kTaken; });
  return found;
}

std::vector<AppendGroups::Member*> AppendGroups::form_group(Queue& queue, Member& first) {
  const std::lock_guard lock(mutex_);
  std::vector<Member*> group;
  group.reserve(queue.waiting.size() + 1);
  group.push_back(&first);
  std::size_t events = first.events.size();
  while (!queue.waiting.empty()) {
    events += queue.waiting.front()->events.size();
    if (events > kGroupLimit) break;
    group.push_back(&pop_waiting(queue));
    group.back()->state = Member::State::kTaken;
  }
  return group;
}

void AppendGroups::append_together(std::span<Member* const> group, const Append& append) {
  std::vector<AuditReceipt> receipts;
  std::exception_ptr lost;
  try {
    std::vector<AuditSubmission> events;
    for (const Member* member : group) {
      events.insert(events.end(), member->events.begin(), member->events.end());
    }
    if (auto appended = append(events)) receipts = std::move(*appended);
  } catch (const SqlError& error) {
    if (ends_connection(error.sqlstate())) lost = std::current_exception();
  } catch (...) {
    lost = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  auto next = std::make_move_iterator(receipts.begin());
  for (Member* member : group) {
    if (!receipts.empty()) {
      const auto end = next + static_cast<std::ptrdiff_t>(member->events.size());
      member->receipts.assign(next, end);
      next = end;
    }
    member->lost = lost;
    member->state = Member::State::kOver;
    member->moved.notify_one();
  }
}

}  // namespace registry::postgres
