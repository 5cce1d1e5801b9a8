#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/domain/tenant_scope.h"
#include "common/store/store.h"

namespace registry::postgres {

// Appends that come while another one is under way become one statement: most of what a short one
// costs is its start and its commit, which are the same for many events. Nobody waits for company:
// an append that comes alone is on its way at once. Thread-safe.
class AppendGroups {
 public:
  // One transaction: appends all of the events or none, and gives their receipts in their order.
  using Append = std::function<Result<std::vector<AuditReceipt>>(std::span<const AuditSubmission>)>;

  // An append of more events, or of larger ones together, is on its way at once, by itself; groups
  // have no more events than kGroupLimit.
  static constexpr std::size_t kMemberLimit = 50;
  static constexpr std::size_t kMemberByteLimit = 65'536;
  static constexpr std::size_t kGroupLimit = 500;

  // `patience` is how long an append waits for the one under way, which may be kept waiting itself
  // by what has nothing to do with this one; then it is on its way by itself.
  explicit AppendGroups(std::chrono::milliseconds patience) : patience_(patience) {}

  // Is called in the thread of a caller that is about to wait, unless kAppendsAside of them wait
  // already. Set before the first run().
  void on_wait(std::function<void()> before_wait) { before_wait_ = std::move(before_wait); }

  // What `append` gives for `events` (at least 1), by this call or by somebody else's for a group
  // that they are in; those of a group have equal scopes. Where the database refuses a group,
  // whatever the reason, each of its members is appended by itself, so nobody gets an error for the
  // events of another. Throws what `append` throws; when there is no connection or it is lost, so
  // that nobody knows whether a group has been appended, in each of its members' calls.
  [[nodiscard]] Result<std::vector<AuditReceipt>> run(const TenantScope& scope,
                                                      std::span<const AuditSubmission> events,
                                                      const Append& append);

  // How many wait at this moment.
  [[nodiscard]] std::size_t count_waiting();

 private:
  struct Member;

  // What waits for the append of a scope that is under way, in order of arrival.
  struct Queue {
    TenantScope scope;
    std::deque<Member*> waiting = {};
  };
  using Queues = std::list<Queue>;

  // The right of one thread to append for a queue; when it goes, the first of those who wait has
  // it.
  class Turn;

  [[nodiscard]] Queues::iterator wait_for_turn(const TenantScope& scope, Member& member);
  [[nodiscard]] Member& pop_waiting(Queue& queue);
  [[nodiscard]] std::vector<Member*> form_group(Queue& queue, Member& first);
  void append_together(std::span<Member* const> group, const Append& append);

  const std::chrono::milliseconds patience_;
  std::function<void()> before_wait_ = [] {};
  std::mutex mutex_;
  Queues queues_;            // one for each scope with an append under way
  std::size_t waiting_ = 0;  // in all queues
};

}  // namespace registry::postgres
