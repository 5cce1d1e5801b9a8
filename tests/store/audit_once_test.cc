#include <set>

#include "common/crypto/audit_hash.h"
#include "tests/store/parallel.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

const IdempotencyKey kKey{.caller = "user:ada", .key = "order-1", .digest = std::string(64, 'a')};

std::vector<AuditSubmission> some_events(int count) {
  std::vector<AuditSubmission> events;
  for (int i = 0; i < count; ++i) {
    events.emplace_back();
    events.back().event.action = "do." + std::to_string(i);
    events.back().hash_tail = events.back().event.action + ":::::0:0:::";
  }
  return events;
}

class OnceTest : public EveryStore {
 protected:
  [[nodiscard]] std::vector<AuditReceipt> append(const std::vector<AuditSubmission>& events,
                                                 const IdempotencyKey& key = kKey) {
    return value_of(store().append_audit_events_once(everyone(), events, key));
  }
  [[nodiscard]] std::int64_t entries() { return backend().row_counts().audit_events; }
};

class OnceWithAClock : public EveryStoreWithAClock {};

class OnceShared : public EverySharedStore {};

}  // namespace

TEST_CASE_METHOD(OnceTest,
                 "append once: a replay gets the receipts of the first and adds nothing") {
  for (const int count : {1, 3, 1'000}) {
    CAPTURE(count);
    const auto events = some_events(count);
    IdempotencyKey key = kKey;
    key.key += std::to_string(count);
    const auto first = append(events, key);
    REQUIRE(std::cmp_equal(first.size(), count));
    for (std::size_t i = 0; i < first.size(); ++i) {
      REQUIRE(first[i].hash ==
              crypto::audit_hash(std::to_string(first[i].id), events[i].hash_tail));
    }
    const std::int64_t before = entries();
    CHECK(append(events, key) == first);
    CHECK(append(events, key) == first);
    CHECK(entries() == before);
  }
}

TEST_CASE_METHOD(OnceTest, "append once: a key counts, whatever has become of what events name") {
  const auto events = some_events(2);
  const auto first = append(events);
  auto unknown = events;
  unknown.back().event.tenant_id = Uuid::parse("7c9e6679-7425-40de-944b-e07fc1f90ae7");
  CHECK(store().append_audit_events_once(everyone(), unknown, kKey).value() == first);
  IdempotencyKey other = kKey;
  other.digest.back() = 'b';
  CHECK(code_of(store().append_audit_events_once(everyone(), unknown, other)) ==
        ErrorCode::kKeyReused);
  other.key = "unused";
  CHECK(code_of(store().append_audit_events_once(everyone(), unknown, other)) ==
        ErrorCode::kInvalidRequest);
}

TEST_CASE_METHOD(OnceTest, "append once: a key with another digest is refused and adds nothing") {
  static_cast<void>(append(some_events(2)));
  const std::int64_t before = entries();
  IdempotencyKey other = kKey;
  other.digest.back() = 'b';
  CHECK(code_of(store().append_audit_events_once(everyone(), some_events(2), other)) ==
        ErrorCode::kKeyReused);
  CHECK(entries() == before);
}

TEST_CASE_METHOD(OnceTest, "append once: keys of other callers and other keys are others") {
  const auto events = some_events(1);
  const auto first = append(events);
  IdempotencyKey other = kKey;
  other.caller = "user:bob";
  CHECK(append(events, other) != first);
  other = kKey;
  other.key = "order-2";
  CHECK(append(events, other) != first);
}

TEST_CASE_METHOD(OnceTest, "append once: an append that is refused leaves its key unused") {
  auto events = some_events(2);
  events[1].event.tenant_id = random_id();
  CHECK(code_of(store().append_audit_events_once(everyone(), events, kKey)) ==
        ErrorCode::kInvalidRequest);
  IdempotencyKey corrected = kKey;
  corrected.digest.back() = 'b';
  CHECK(append(some_events(2), corrected).size() == 2);
}

TEST_CASE_METHOD(OnceWithAClock, "append once: a key is free again after a day", "[embedded]") {
  const auto events = some_events(1);
  const auto append = [&](const std::string& digest) {
    IdempotencyKey key = kKey;
    key.digest = digest;
    return store().append_audit_events_once(everyone(), events, key);
  };
  const auto first = value_of(append(std::string(64, 'a')));
  constexpr std::int64_t kDayUs = 86'400'000'000;
  clock().advance_us(kDayUs - 1);
  CHECK(value_of(append(std::string(64, 'a'))) == first);
  clock().advance_us(1);
  const auto second = value_of(append(std::string(64, 'b')));
  CHECK(second != first);
  CHECK(value_of(append(std::string(64, 'b'))) == second);
}

TEST_CASE_METHOD(OnceShared, "append once: of many at once one appends, and all get its receipts") {
  const auto events = some_events(3);
  const std::int64_t before = backend().row_counts().audit_events;
  const auto outcomes = run_in_threads(kCallers, [&](int) {
    const auto receipts = store().append_audit_events_once(everyone(), events, kKey);
    return receipts ? receipts->front().id : -1;
  });
  const std::set<std::int64_t> ids(outcomes.begin(), outcomes.end());
  CHECK(ids.size() == 1);
  CHECK_FALSE(ids.contains(-1));
  CHECK(backend().row_counts().audit_events == before + 3);
}

}  // namespace registry::test
