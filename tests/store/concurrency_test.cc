#include <algorithm>

#include "tests/store/parallel.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

// What came of a call, as a number that also a process can exit with.
enum Outcome { kCreated = 0, kReplayed = 1, kSlugWasTaken = 2, kOtherFailure = 3 };

Outcome create(Store& store, const NewTenant& tenant) {
  const auto result = store.create_tenant(tenant, some_origin());
  if (result) return result->replayed ? kReplayed : kCreated;
  return result.error().code == ErrorCode::kSlugTaken ? kSlugWasTaken : kOtherFailure;
}

// Requires that the entries of a tenant tell one unbroken story that ends where the tenant is.
void require_unbroken_trail(Backend& backend, const Uuid& id) {
  // A server may still be at work on the last statement of a process that was killed.
  Tenant tenant = value_of(backend.store().tenant_by_id(everyone(), id));
  auto trail = backend.audit_trail(id);
  for (Tenant now = value_of(backend.store().tenant_by_id(everyone(), id)); now != tenant;
       now = value_of(backend.store().tenant_by_id(everyone(), id))) {
    tenant = now;
    trail = backend.audit_trail(id);
  }
  REQUIRE_FALSE(trail.empty());
  CHECK(trail.front().event.action == "tenant.create");
  std::string status;
  bool unbroken = true;
  for (const AuditEvent& entry : trail) {
    unbroken = unbroken && json_text(entry.event.metadata_json, "from") == status;
    status = json_text(entry.event.metadata_json, "to");
  }
  CHECK(unbroken);
  CHECK(tenant.status == *parse_tenant_status(status));
}

// Repeats a transition; tells how often the answer was not the status that it leads to.
int change_status(Store& store, const Uuid& id, Transition transition, int times) {
  int failures = 0;
  for (int i = 0; i < times; ++i) {
    const auto result = transition == Transition::kActivate
                            ? store.activate_tenant(everyone(), id, Activation{}, some_origin())
                            : store.cancel_tenant(everyone(), id, std::nullopt, some_origin());
    const TenantStatus expected =
        transition == Transition::kActivate ? TenantStatus::kActive : TenantStatus::kFrozen;
    if (!result || result->status != expected) ++failures;
  }
  return failures;
}

TEST_CASE_METHOD(EveryStore, "create_tenant: of 16 threads that want one slug, one gets it") {
  const RowCounts before = backend().row_counts();
  const Slug slug = random_slug();
  const auto outcomes = run_in_threads(kCallers, [&](int) {
    NewTenant tenant = new_customer();
    tenant.slug = slug;
    return create(store(), tenant);
  });
  CHECK(counted(outcomes) == std::vector<int>{1, 0, kCallers - 1, 0});
  CHECK(backend().row_counts().tenants == before.tenants + 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
}

TEST_CASE_METHOD(EveryStore, "create_tenant: of 16 threads with one id, one creates") {
  const RowCounts before = backend().row_counts();
  const NewTenant tenant = new_customer();
  const auto outcomes = run_in_threads(kCallers, [&](int) { return create(store(), tenant); });
  CHECK(counted(outcomes) == std::vector<int>{1, kCallers - 1, 0, 0});
  CHECK(backend().row_counts().tenants == before.tenants + 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
}

TEST_CASE_METHOD(EveryStore, "activate: of 16 threads that claim one erp id, one gets it") {
  std::vector<Uuid> ids;
  for (int i = 0; i < kCallers; ++i) ids.push_back(tenant_in(TenantStatus::kTrial).id);
  const RowCounts before = backend().row_counts();
  Activation activation;
  activation.erp_customer_id = "erp-" + random_id().to_string();
  const auto won = run_in_threads(kCallers, [&](int i) {
    const auto result = store().activate_tenant(everyone(), ids[static_cast<std::size_t>(i)],
                                                activation, some_origin());
    return result ? 1 : result.error().code == ErrorCode::kConflict ? 0 : 100;
  });
  CHECK(std::count(won.begin(), won.end(), 1) == 1);
  CHECK(std::count(won.begin(), won.end(), 0) == kCallers - 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
}

TEST_CASE_METHOD(EveryStore, "activate, cancel: 16 threads make one change and one entry") {
  const auto transition = GENERATE(Transition::kActivate, Transition::kCancel);
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  const RowCounts before = backend().row_counts();
  const auto failures = run_in_threads(
      kCallers, [&](int) { return change_status(store(), tenant.id, transition, 1); });
  CHECK(failures == std::vector<int>(kCallers, 0));
  CHECK(backend().row_counts().tenants == before.tenants);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
  require_unbroken_trail(backend(), tenant.id);
}

TEST_CASE_METHOD(EveryStore,
                 "activate against cancel: as many audit entries as changes, in order") {
  const Uuid id = value_of(store().create_tenant(new_customer(), some_origin())).tenant.id;
  const auto failures = run_in_threads(kCallers, [&](int i) {
    const auto transition = i % 2 == 0 ? Transition::kActivate : Transition::kCancel;
    return change_status(store(), id, transition, 20);
  });
  CHECK(failures == std::vector<int>(kCallers, 0));
  require_unbroken_trail(backend(), id);
}

TEST_CASE_METHOD(EveryStore, "reads see a change wholly or not at all while it is made") {
  const Uuid id = value_of(store().create_tenant(new_customer(), some_origin())).tenant.id;
  constexpr int kRounds = 100;
  const auto faults = run_in_threads(4, [&](int i) {
    int wrong = 0;
    for (int round = 0; round < kRounds; ++round) {
      if (i == 0) {
        Activation both;
        both.plan = "plan-" + std::to_string(round);
        both.stripe_cust_id = "cus-" + id.to_string() + "-" + *both.plan;
        if (!store().activate_tenant(everyone(), id, both, some_origin())) ++wrong;
        continue;
      }
      const auto tenant = store().tenant_by_id(everyone(), id);
      const auto expected = tenant && tenant->stripe_cust_id
                                ? "cus-" + id.to_string() + "-" + tenant->plan
                                : std::string();
      if (!tenant || tenant->stripe_cust_id.value_or("") != expected) ++wrong;
    }
    return wrong;
  });
  CHECK(faults == std::vector<int>(4, 0));
}

TEST_CASE_METHOD(EverySharedStore,
                 "create_tenant: of 16 processes that want one slug, one gets it") {
  const Slug slug = random_slug();
  const auto outcomes = run_in_processes(kCallers, [&](int) {
    NewTenant tenant = new_customer();
    tenant.slug = slug;
    return create(store(), tenant);
  });
  CHECK(counted(outcomes) == std::vector<int>{1, 0, kCallers - 1, 0});
  const Tenant winner = value_of(store().tenant_by_slug(everyone(), slug));
  CHECK(backend().audit_trail(winner.id).size() == 1);
}

TEST_CASE_METHOD(EverySharedStore, "create_tenant: of 16 processes with one id, one creates it") {
  const NewTenant tenant = new_customer();
  const auto outcomes = run_in_processes(kCallers, [&](int) { return create(store(), tenant); });
  CHECK(counted(outcomes) == std::vector<int>{1, kCallers - 1, 0, 0});
  CHECK(backend().audit_trail(*tenant.id).size() == 1);
}

TEST_CASE_METHOD(EverySharedStore, "activate against cancel in processes: an unbroken trail") {
  const NewTenant tenant = new_customer();
  const auto failures = run_in_processes(4, [&](int i) {
    create(store(), tenant);
    const auto transition = i % 2 == 0 ? Transition::kActivate : Transition::kCancel;
    return change_status(store(), *tenant.id, transition, 20);
  });
  CHECK(failures == std::vector<int>(4, 0));
  require_unbroken_trail(backend(), *tenant.id);
}

TEST_CASE_METHOD(EverySharedStore,
                 "a writer killed at any moment leaves each change with its entry") {
  const NewTenant tenant = new_customer();
  int acknowledged = 0;
  constexpr int kKills = 20;
  for (int round = 0; round < kKills; ++round) {
    Pipe done;
    ChildProcess writer([&] {
      done.close_reader();
      if (round == 0) create(store(), tenant);
      // Every call is a change: the writer before may have left the tenant in either status.
      const auto current = store().tenant_by_id(everyone(), *tenant.id);
      bool active = current && current->status == TenantStatus::kActive;
      while (true) {
        const auto result =
            active ? store().cancel_tenant(everyone(), *tenant.id, {}, some_origin())
                   : store().activate_tenant(everyone(), *tenant.id, {}, some_origin());
        if (!result) return 1;
        active = !active;
        done.write_byte();
      }
    });
    done.close_writer();
    for (int i = 0; i <= round % 5 && done.read_byte(); ++i) ++acknowledged;
    writer.kill();
    while (done.read_byte()) ++acknowledged;
  }

  CHECK(backend().damage().empty());
  require_unbroken_trail(backend(), *tenant.id);
  // Without the entry of the creation; at most the last change of each round was not reported.
  const auto changes = static_cast<int>(backend().audit_trail(*tenant.id).size()) - 1;
  CHECK(acknowledged >= kKills);
  CHECK(changes >= acknowledged);
  CHECK(changes <= acknowledged + kKills);
}

}  // namespace
}  // namespace registry::test
