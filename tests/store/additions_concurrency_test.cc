#include <algorithm>
#include <map>
#include <set>

#include "common/crypto/audit_hash.h"
#include "tests/store/parallel.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

// What came of a call, as a number that also a process can exit with.
enum AdditionOutcome { kDone = 0, kRefused = 1, kUnexpected = 2 };

template <class T>
AdditionOutcome outcome_of(const Result<T>& result, ErrorCode refusal) {
  if (result) return kDone;
  return result.error().code == refusal ? kRefused : kUnexpected;
}

const std::vector<int> kOneDone = {1, kCallers - 1, 0, 0};
const std::vector<int> kAllDone = {kCallers, 0, 0, 0};

AdditionOutcome try_out(Store& store, const Uuid& tenant_id) {
  return outcome_of(
      store.start_trial(everyone(), tenant_id, product_of("certifai"), 14, some_origin()),
      ErrorCode::kTrialAlreadyUsed);
}

AdditionOutcome request(Store& store, const Uuid& tenant_id) {
  return outcome_of(store.request_product(everyone(), tenant_id, product_of("certifai"),
                                          std::nullopt, some_origin()),
                    ErrorCode::kAlreadyEntitled);
}

AdditionOutcome create_key(Store& store, const Uuid& tenant_id) {
  const NewApiKey key{.tenant_id = tenant_id,
                      .product = {},
                      .name = "the one",
                      .scopes = {"audit:write"},
                      .hash = "argon2id|c2FsdA|aGFzaA",
                      .prefix = "bp_0123abcd",
                      .created_by = {}};
  return outcome_of(store.create_api_key(everyone(), key, some_origin()), ErrorCode::kNameTaken);
}

AdditionOutcome revoke(Store& store, const Uuid& key_id) {
  return outcome_of(store.revoke_api_key(everyone(), key_id, some_origin()), ErrorCode::kNotFound);
}

const RowCounts kEntitlementAdded{.entitlements = 1};
const RowCounts kKeyAdded{.api_keys = 1};

// Requires that one change was made since `before`: one entry, and the rows that are `added`.
void require_one_change(Backend& backend, const Uuid& tenant_id, const RowCounts& before,
                        const RowCounts& added, const std::string& action) {
  const RowCounts after = backend.row_counts();
  CHECK(after.tenants == before.tenants);
  CHECK(after.entitlements == before.entitlements + added.entitlements);
  CHECK(after.api_keys == before.api_keys + added.api_keys);
  CHECK(after.audit_events == before.audit_events + 1);
  CHECK(backend.audit_trail(tenant_id).back().event.action == action);
}

// A tenant that another process made: a store that this one has used cannot go through fork().
Uuid tenant_of_a_process(Store& store) {
  const NewTenant tenant = new_customer();
  const auto statuses =
      run_in_processes(1, [&](int) { return store.create_tenant(tenant, some_origin()) ? 0 : 1; });
  REQUIRE(statuses == std::vector<int>{0});
  return *tenant.id;
}

TEST_CASE_METHOD(EveryStore, "start_trial: of 16 threads, one gets the trial") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const RowCounts before = backend().row_counts();
  const auto outcomes = run_in_threads(kCallers, [&](int) { return try_out(store(), tenant.id); });
  CHECK(counted(outcomes) == kOneDone);
  require_one_change(backend(), tenant.id, before, kEntitlementAdded, "catalog.trial_request");
}

TEST_CASE_METHOD(EverySharedStore, "start_trial: of 16 processes, one gets the trial") {
  const Uuid tenant_id = tenant_of_a_process(store());
  const RowCounts before = backend().row_counts();
  const auto outcomes =
      run_in_processes(kCallers, [&](int) { return try_out(store(), tenant_id); });
  CHECK(counted(outcomes) == kOneDone);
  require_one_change(backend(), tenant_id, before, kEntitlementAdded, "catalog.trial_request");
}

TEST_CASE_METHOD(EveryStore, "request_product: 16 threads get the moment of one request") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const RowCounts before = backend().row_counts();
  const auto moments = run_in_threads(kCallers, [&](int) {
    return store()
        .request_product(everyone(), tenant.id, product_of("certifai"), {}, some_origin())
        .value_or(Timestamp{});
  });
  CHECK(moments.front() > tenant.created_at);
  CHECK(std::count(moments.begin(), moments.end(), moments.front()) == kCallers);
  require_one_change(backend(), tenant.id, before, kEntitlementAdded, "catalog.request");
}

TEST_CASE_METHOD(EverySharedStore, "request_product: 16 processes make one request") {
  const Uuid tenant_id = tenant_of_a_process(store());
  const RowCounts before = backend().row_counts();
  const auto outcomes =
      run_in_processes(kCallers, [&](int) { return request(store(), tenant_id); });
  CHECK(counted(outcomes) == kAllDone);
  require_one_change(backend(), tenant_id, before, kEntitlementAdded, "catalog.request");
}

TEST_CASE_METHOD(EveryStore, "request_product against start_trial: one trial, one row at the end") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const RowCounts before = backend().row_counts();
  const auto outcomes = run_in_threads(kCallers, [&](int i) {
    return i % 2 == 0 ? try_out(store(), tenant.id) : request(store(), tenant.id);
  });
  CHECK(counted(outcomes).at(kUnexpected) == 0);
  CHECK(backend().row_counts().entitlements == before.entitlements + 1);
  const auto standings = value_of(store().product_standings(everyone(), tenant.id));
  REQUIRE(standings.size() == 1);
  CHECK(standings[0].state == ProductState::kTrial);
  // The request may have come first; nothing came after the trial.
  const auto trail = backend().audit_trail(tenant.id);
  CHECK(trail.back().event.action == "catalog.trial_request");
  CHECK(trail.size() <= 3);
}

TEST_CASE_METHOD(EveryStore, "create_api_key: of 16 threads that want one name, one gets it") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const RowCounts before = backend().row_counts();
  const auto outcomes =
      run_in_threads(kCallers, [&](int) { return create_key(store(), tenant.id); });
  CHECK(counted(outcomes) == kOneDone);
  require_one_change(backend(), tenant.id, before, kKeyAdded, "api_key.create");
}

TEST_CASE_METHOD(EverySharedStore, "create_api_key: of 16 processes that want one name, one") {
  const Uuid tenant_id = tenant_of_a_process(store());
  const RowCounts before = backend().row_counts();
  const auto outcomes =
      run_in_processes(kCallers, [&](int) { return create_key(store(), tenant_id); });
  CHECK(counted(outcomes) == kOneDone);
  require_one_change(backend(), tenant_id, before, kKeyAdded, "api_key.create");
}

TEST_CASE_METHOD(EveryStore, "revoke_api_key: 16 threads revoke a key once") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  REQUIRE(create_key(store(), tenant.id) == kDone);
  const Uuid key_id = value_of(store().api_keys(everyone(), tenant.id, false)).at(0).id;
  const RowCounts before = backend().row_counts();
  const auto outcomes = run_in_threads(kCallers, [&](int) { return revoke(store(), key_id); });
  CHECK(counted(outcomes) == kAllDone);
  require_one_change(backend(), tenant.id, before, {}, "api_key.revoke");
}

TEST_CASE_METHOD(EverySharedStore, "revoke_api_key: 16 processes revoke a key once") {
  const Uuid tenant_id = tenant_of_a_process(store());
  const auto created = run_in_processes(1, [&](int) { return create_key(store(), tenant_id); });
  REQUIRE(created == std::vector<int>{kDone});
  const auto made = backend().audit_trail(tenant_id).back().event.target_id;
  const Uuid key_id = Uuid::parse(made.value()).value();
  const RowCounts before = backend().row_counts();
  const auto outcomes = run_in_processes(kCallers, [&](int) { return revoke(store(), key_id); });
  CHECK(counted(outcomes) == kAllDone);
  require_one_change(backend(), tenant_id, before, {}, "api_key.revoke");
}

// Appends 20 events, two at a time, and counts the faults of what came back.
int append_events(Store& store, const Uuid& tenant_id, int caller) {
  int faults = 0;
  constexpr int kCalls = 10;
  for (int call = 0; call < kCalls; ++call) {
    std::vector<AuditSubmission> events(2);
    for (AuditSubmission& event : events) {
      event.event.tenant_id = tenant_id;
      event.event.action = "caller " + std::to_string(caller);
      event.hash_tail = event.event.action;
    }
    const auto receipts = store.append_audit_events(everyone(), events);
    if (!receipts || receipts->size() != 2 || (*receipts)[0].id >= (*receipts)[1].id) {
      ++faults;
      continue;
    }
    for (const AuditReceipt& receipt : *receipts) {
      const std::string hash = crypto::audit_hash(std::to_string(receipt.id), events[0].hash_tail);
      if (receipt.hash != hash) ++faults;
    }
  }
  return faults;
}

// Requires that the trail has every event of every caller, each under an id of its own.
void require_whole_trail(Backend& backend, const Uuid& tenant_id) {
  constexpr std::size_t kEvents = 20;
  std::map<std::string, std::set<std::int64_t>> ids;
  for (const AuditEvent& entry : backend.audit_trail(tenant_id)) {
    ids[entry.event.action].insert(entry.id);
  }
  for (int caller = 0; caller < kCallers; ++caller) {
    CHECK(ids["caller " + std::to_string(caller)].size() == kEvents);
  }
}

TEST_CASE_METHOD(EveryStore, "append_audit_events: 16 threads, every event once, its hash right") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const auto faults =
      run_in_threads(kCallers, [&](int i) { return append_events(store(), tenant.id, i); });
  CHECK(faults == std::vector<int>(kCallers, 0));
  require_whole_trail(backend(), tenant.id);
}

TEST_CASE_METHOD(EverySharedStore, "append_audit_events: 16 processes, every event once") {
  const Uuid tenant_id = tenant_of_a_process(store());
  const auto faults =
      run_in_processes(kCallers, [&](int i) { return append_events(store(), tenant_id, i); });
  CHECK(faults == std::vector<int>(kCallers, 0));
  require_whole_trail(backend(), tenant_id);
}

}  // namespace
}  // namespace registry::test
