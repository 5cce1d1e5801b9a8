#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

// One row of the state machine: what a status becomes, or nothing where the step is refused.
struct Step {
  TenantStatus from;
  Transition transition;
  std::optional<TenantStatus> to;
};

class TransitionTest : public EveryStore {
 protected:
  Result<Tenant> take(const Step& step, const Uuid& id) {
    return step.transition == Transition::kActivate
               ? store().activate_tenant(everyone(), id, Activation{}, some_origin())
               : store().cancel_tenant(everyone(), id, std::nullopt, some_origin());
  }
};

TEST_CASE_METHOD(TransitionTest, "activate, cancel: every step that changes the status") {
  const Step step =
      GENERATE(Step{TenantStatus::kTrial, Transition::kActivate, TenantStatus::kActive},
               Step{TenantStatus::kFrozen, Transition::kActivate, TenantStatus::kActive},
               Step{TenantStatus::kTrial, Transition::kCancel, TenantStatus::kFrozen},
               Step{TenantStatus::kActive, Transition::kCancel, TenantStatus::kFrozen});
  CAPTURE(to_string(step.from), to_string(*step.to));
  const Tenant before = tenant_in(step.from);
  const RowCounts counts = backend().row_counts();
  let_time_pass();

  const Tenant after = value_of(take(step, before.id));

  CHECK(after.status == step.to);
  CHECK(after.updated_at > before.updated_at);
  CHECK(after.created_at == before.created_at);
  CHECK(after.trial_ends_at == before.trial_ends_at);
  CHECK(value_of(store().tenant_by_id(everyone(), before.id)) == after);
  const auto trail = backend().audit_trail(before.id);
  REQUIRE(trail.size() == 2);
  CHECK(trail[1].created_at >= after.updated_at);
  CHECK(json_text(trail[1].event.metadata_json, "from") == to_string(step.from));
  CHECK(json_text(trail[1].event.metadata_json, "to") == to_string(*step.to));
  CHECK(backend().row_counts().tenants == counts.tenants);
}

TEST_CASE_METHOD(TransitionTest,
                 "activate, cancel: a tenant that is there already stays as it is") {
  const Step step =
      GENERATE(Step{TenantStatus::kActive, Transition::kActivate, TenantStatus::kActive},
               Step{TenantStatus::kFrozen, Transition::kCancel, TenantStatus::kFrozen});
  CAPTURE(to_string(step.from));
  const Tenant before = tenant_in(step.from);
  require_writes_nothing(before.id, [&] { CHECK(value_of(take(step, before.id)) == before); });
}

TEST_CASE_METHOD(TransitionTest, "activate, cancel: a demo and an archived tenant refuse") {
  const Step step = GENERATE(Step{TenantStatus::kDemo, Transition::kActivate, {}},
                             Step{TenantStatus::kDemo, Transition::kCancel, {}},
                             Step{TenantStatus::kArchived, Transition::kActivate, {}},
                             Step{TenantStatus::kArchived, Transition::kCancel, {}});
  CAPTURE(to_string(step.from));
  const Tenant before = tenant_in(step.from);
  require_writes_nothing(before.id, [&] {
    const auto refused = take(step, before.id);
    CHECK(code_of(refused) == ErrorCode::kInvalidTransition);
    CHECK(refused.error().tenant_status == to_string(step.from));
  });
}

TEST_CASE_METHOD(TransitionTest, "activate, cancel: an unknown tenant is not found") {
  const RowCounts counts = backend().row_counts();
  CHECK(code_of(store().activate_tenant(everyone(), random_id(), Activation{}, some_origin())) ==
        ErrorCode::kNotFound);
  CHECK(code_of(store().cancel_tenant(everyone(), random_id(), "reason", some_origin())) ==
        ErrorCode::kNotFound);
  CHECK(backend().row_counts() == counts);
}

TEST_CASE_METHOD(EveryStore, "activate: it sets what is given and leaves the rest") {
  const Tenant before = tenant_in(TenantStatus::kTrial);
  let_time_pass();
  const Activation activation{.plan = "professional",
                              .contract_start = date_of("2026-06-01"),
                              .contract_end = date_of("2027-05-31"),
                              .erp_customer_id = "erp-" + before.slug,
                              .stripe_cust_id = "cus-" + before.slug};

  const Tenant after =
      value_of(store().activate_tenant(everyone(), before.id, activation, some_origin()));

  CHECK(after.plan == "professional");
  CHECK(after.contract_start == date_of("2026-06-01"));
  CHECK(after.contract_end == date_of("2027-05-31"));
  CHECK(after.erp_customer_id == "erp-" + before.slug);
  CHECK(after.stripe_cust_id == "cus-" + before.slug);
  CHECK(value_of(store().tenant_by_id(everyone(), before.id)) == after);

  let_time_pass();
  Activation end_only;
  end_only.contract_end = date_of("2028-05-31");
  Tenant expected = after;
  expected.contract_end = end_only.contract_end;
  Tenant extended =
      value_of(store().activate_tenant(everyone(), before.id, end_only, some_origin()));
  CHECK(extended.updated_at > after.updated_at);
  expected.updated_at = extended.updated_at;
  CHECK(extended == expected);
}

TEST_CASE_METHOD(EveryStore, "activate: the audit entry says who changed what") {
  const Tenant before = tenant_in(TenantStatus::kTrial);
  const Activation activation{.plan = "professional",
                              .contract_start = date_of("2026-06-01"),
                              .contract_end = {},
                              .erp_customer_id = "erp-" + before.slug,
                              .stripe_cust_id = {}};
  let_time_pass();
  REQUIRE(store().activate_tenant(everyone(), before.id, activation, some_origin()).has_value());

  const auto trail = backend().audit_trail(before.id);
  REQUIRE(trail.size() == 2);
  CHECK(trail[1].id > trail[0].id);
  const NewAuditEvent& event = trail[1].event;
  CHECK(event.action == "tenant.activate");
  CHECK(event.target_type == "tenant");
  CHECK(event.target_id == before.id.to_string());
  CHECK(event.target_name == before.slug);
  CHECK(event.actor_id == "user-7");
  CHECK(event.source_ip == "203.0.113.7");
  CHECK(event.user_agent == "curl/8.0");
  CHECK(is_same_json(event.metadata_json, R"({"from":"trial","to":"active","changes":{)"
                                          R"("plan":{"from":"starter","to":"professional"},)"
                                          R"("contract_start":{"from":null,"to":"2026-06-01"},)"
                                          R"("erp_customer_id":{"from":null,"to":"erp-)" +
                                              before.slug + R"("}}})"));
}

TEST_CASE_METHOD(EveryStore,
                 "activate: without further changes the audit entry has the step only") {
  const Tenant before = tenant_in(TenantStatus::kFrozen);
  let_time_pass();
  Activation same_plan;
  same_plan.plan = before.plan;
  REQUIRE(store().activate_tenant(everyone(), before.id, same_plan, some_origin()).has_value());
  CHECK(is_same_json(backend().audit_trail(before.id).at(1).event.metadata_json,
                     R"({"from":"frozen","to":"active"})"));
}

TEST_CASE_METHOD(EveryStore,
                 "activate: an active tenant with other members is changed and audited") {
  const Tenant before = tenant_in(TenantStatus::kActive);
  Activation activation;
  activation.plan = "enterprise";
  let_time_pass();
  const Tenant after =
      value_of(store().activate_tenant(everyone(), before.id, activation, some_origin()));

  CHECK(after.status == TenantStatus::kActive);
  CHECK(after.updated_at > before.updated_at);
  const auto trail = backend().audit_trail(before.id);
  REQUIRE(trail.size() == 2);
  CHECK(trail[1].event.action == "tenant.activate");
  CHECK(is_same_json(trail[1].event.metadata_json,
                     R"({"from":"active","to":"active",)"
                     R"("changes":{"plan":{"from":"starter","to":"enterprise"}}})"));
  require_writes_nothing(before.id, [&] {
    CHECK(value_of(store().activate_tenant(everyone(), before.id, activation, some_origin())) ==
          after);
  });
}

TEST_CASE_METHOD(EveryStore, "activate: an id of another system that is taken is a conflict") {
  const Tenant holder = tenant_in(TenantStatus::kTrial);
  const Tenant late = tenant_in(TenantStatus::kTrial);
  Activation theirs;
  theirs.plan = "professional";
  SECTION("erp_customer_id") {
    theirs.erp_customer_id = "erp-" + holder.slug;
  }
  SECTION("stripe_cust_id") {
    theirs.stripe_cust_id = "cus-" + holder.slug;
  }
  REQUIRE(store().activate_tenant(everyone(), holder.id, theirs, some_origin()).has_value());

  require_writes_nothing(late.id, [&] {
    CHECK(code_of(store().activate_tenant(everyone(), late.id, theirs, some_origin())) ==
          ErrorCode::kConflict);
  });
  require_writes_nothing(holder.id, [&] {
    CHECK(store().activate_tenant(everyone(), holder.id, theirs, some_origin()).has_value());
  });
}

TEST_CASE_METHOD(EveryStore, "activate: a contract may not end before it starts") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  Activation stored;
  Activation given;
  SECTION("both given") {
    given.contract_start = date_of("2026-06-02");
    given.contract_end = date_of("2026-06-01");
  }
  SECTION("the start stored") {
    stored.contract_start = date_of("2026-06-02");
    given.contract_end = date_of("2026-06-01");
  }
  SECTION("the end stored") {
    stored.contract_end = date_of("2026-06-01");
    given.contract_start = date_of("2026-06-02");
  }
  REQUIRE(store().activate_tenant(everyone(), tenant.id, stored, some_origin()).has_value());

  require_writes_nothing(tenant.id, [&] {
    const auto refused = store().activate_tenant(everyone(), tenant.id, given, some_origin());
    CHECK(code_of(refused) == ErrorCode::kInvalidRequest);
    REQUIRE(refused.error().fields.size() == 1);
    CHECK(refused.error().fields[0].field == "contract_end");
  });
}

TEST_CASE_METHOD(EveryStore, "activate: a contract may end on the day it starts") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  Activation one_day;
  one_day.contract_start = date_of("2026-06-01");
  one_day.contract_end = date_of("2026-06-01");
  CHECK(store().activate_tenant(everyone(), tenant.id, one_day, some_origin()).has_value());
}

TEST_CASE_METHOD(EveryStore,
                 "activate: a contract cancelled before its start does not bar a return") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  Activation later;
  later.contract_start = date_of("9000-01-01");
  REQUIRE(store().activate_tenant(everyone(), tenant.id, later, some_origin()).has_value());
  REQUIRE(store().cancel_tenant(everyone(), tenant.id, std::nullopt, some_origin()).has_value());
  CHECK(value_of(store().activate_tenant(everyone(), tenant.id, Activation{}, some_origin()))
            .status == TenantStatus::kActive);
}

TEST_CASE_METHOD(EveryStore, "activate: a refused step counts before wrong dates") {
  const Tenant tenant = tenant_in(TenantStatus::kArchived);
  Activation wrong;
  wrong.contract_start = date_of("2026-06-02");
  wrong.contract_end = date_of("2026-06-01");
  CHECK(code_of(store().activate_tenant(everyone(), tenant.id, wrong, some_origin())) ==
        ErrorCode::kInvalidTransition);
}

TEST_CASE_METHOD(EveryStore, "activate, cancel: the answer has the products") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai"});
  const std::vector<std::string> products = {"certifai"};
  CHECK(value_of(store().activate_tenant(everyone(), tenant.id, Activation{}, some_origin()))
            .products == products);
  CHECK(value_of(store().cancel_tenant(everyone(), tenant.id, std::nullopt, some_origin()))
            .products == products);
}

TEST_CASE_METHOD(EveryStore, "cancel: the contract ends today unless it ended before") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  Activation activation;
  let_time_pass();
  SECTION("an open contract ends today") {
    const Tenant after =
        value_of(store().cancel_tenant(everyone(), tenant.id, std::nullopt, some_origin()));
    CHECK(after.contract_end == utc_date(after.updated_at));
  }
  SECTION("a later end becomes today") {
    activation.contract_end = date_of("9999-12-31");
    REQUIRE(store().activate_tenant(everyone(), tenant.id, activation, some_origin()).has_value());
    let_time_pass();
    const Tenant after =
        value_of(store().cancel_tenant(everyone(), tenant.id, std::nullopt, some_origin()));
    CHECK(after.contract_end == utc_date(after.updated_at));
  }
  SECTION("an earlier end stays") {
    activation.contract_end = date_of("2001-01-01");
    REQUIRE(store().activate_tenant(everyone(), tenant.id, activation, some_origin()).has_value());
    let_time_pass();
    const Tenant after =
        value_of(store().cancel_tenant(everyone(), tenant.id, std::nullopt, some_origin()));
    CHECK(after.contract_end == date_of("2001-01-01"));
  }
}

TEST_CASE_METHOD(EveryStoreWithAClock, "cancel: today is the day in UTC, to the microsecond",
                 "[embedded]") {
  const Tenant tenant = tenant_in(TenantStatus::kTrial);
  const Timestamp midnight = *Timestamp::parse("2028-03-01T00:00:00.000000Z");
  SECTION("the last microsecond of a day") {
    clock().set({midnight.unix_us - 1});
    CHECK(value_of(store().cancel_tenant(everyone(), tenant.id, {}, some_origin())).contract_end ==
          date_of("2028-02-29"));
  }
  SECTION("the first microsecond of the next") {
    clock().set(midnight);
    CHECK(value_of(store().cancel_tenant(everyone(), tenant.id, {}, some_origin())).contract_end ==
          date_of("2028-03-01"));
  }
}

TEST_CASE_METHOD(EveryStore, "cancel: the audit entry has the contract's end and the reason") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  let_time_pass();
  std::optional<std::string> reason;
  std::string reason_json;
  SECTION("with a reason") {
    reason = "moved \"elsewhere\" 🚚";
    reason_json = R"(,"reason":"moved \"elsewhere\" 🚚")";
  }
  SECTION("without one") {
    reason_json = "";
  }
  const Tenant after =
      value_of(store().cancel_tenant(everyone(), tenant.id, reason, some_origin()));

  const auto trail = backend().audit_trail(tenant.id);
  REQUIRE(trail.size() == 2);
  const NewAuditEvent& event = trail[1].event;
  CHECK(event.action == "tenant.cancel");
  CHECK(event.target_type == "tenant");
  CHECK(event.target_id == tenant.id.to_string());
  CHECK(event.target_name == tenant.slug);
  CHECK(event.actor_name == "Ada Lovelace");
  CHECK(is_same_json(event.metadata_json, R"({"from":"active","to":"frozen","contract_end":")" +
                                              after.contract_end->to_string() + "\"" + reason_json +
                                              "}"));
}

TEST_CASE_METHOD(EveryStoreWithAClock, "activate, cancel: changes within one microsecond differ",
                 "[embedded]") {
  const Tenant tenant = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  const Tenant active = value_of(store().activate_tenant(everyone(), tenant.id, {}, some_origin()));
  const Tenant frozen = value_of(store().cancel_tenant(everyone(), tenant.id, {}, some_origin()));
  CHECK(active.updated_at != tenant.updated_at);
  CHECK(frozen.updated_at != active.updated_at);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)) == frozen);
}

}  // namespace
}  // namespace registry::test
