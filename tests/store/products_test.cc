#include <algorithm>

#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

class ProductsTest : public EveryStore {
 protected:
  // Available where the tenant has no row.
  ProductState state_of(const Uuid& tenant_id, const std::string& product) {
    const auto standings = value_of(store().product_standings(everyone(), tenant_id));
    const auto found =
        std::find_if(standings.begin(), standings.end(),
                     [&](const ProductStanding& standing) { return standing.product == product; });
    return found == standings.end() ? ProductState::kAvailable : found->state;
  }

  Entitlement entitlement_of(const Uuid& tenant_id, const std::string& product) {
    return value_of(store().entitlements(everyone(), tenant_id, product_of(product))).at(0);
  }

  Result<Timestamp> request(const Uuid& tenant_id, const std::string& product,
                            const std::optional<std::string>& note = {}) {
    return store().request_product(everyone(), tenant_id, product_of(product), note, some_origin());
  }

  Result<Entitlement> try_out(const Uuid& tenant_id, const std::string& product) {
    return store().start_trial(everyone(), tenant_id, product_of(product), kTrialDays,
                               some_origin());
  }
};

void check_origin(const NewAuditEvent& event) {
  const ChangeOrigin origin = some_origin();
  CHECK(event.actor_id == origin.actor_id);
  CHECK(event.actor_name == origin.actor_name);
  CHECK(event.actor_type == origin.actor_type);
  CHECK(event.source_ip == origin.source_ip);
  CHECK(event.user_agent == origin.user_agent);
}

TEST_CASE_METHOD(ProductsTest, "product_standings: an unknown tenant is not found") {
  CHECK(code_of(store().product_standings(everyone(), random_id())) == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(ProductsTest, "product_standings: a tenant without a row has none") {
  CHECK(
      value_of(store().product_standings(everyone(), tenant_in(TenantStatus::kActive).id)).empty());
}

TEST_CASE_METHOD(ProductsTest, "product_standings: sorted by byte value, none of others") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Tenant neighbour = tenant_in(TenantStatus::kActive);
  for (const char* product : {"zeta", "a:b", "a-b", "a_b", "ab", "a.b"}) {
    backend().insert_entitlement({.tenant_id = tenant.id, .product = product});
  }
  backend().insert_entitlement({.tenant_id = neighbour.id, .product = "mine"});

  std::vector<std::string> products;
  for (const auto& standing : value_of(store().product_standings(everyone(), tenant.id))) {
    products.push_back(standing.product);
  }
  CHECK(products == std::vector<std::string>{"a-b", "a.b", "a:b", "a_b", "ab", "zeta"});
}

TEST_CASE_METHOD(ProductsTest, "product_standings: every row that an operator may have made") {
  struct Case {
    bool enabled;
    int expires_in_days;  // 0: never
    bool requested;
    bool tried;
    TenantStatus status;
    ProductState state;
  };
  const Case row =
      GENERATE(Case{true, 0, false, false, TenantStatus::kActive, ProductState::kActive},
               Case{true, 30, false, false, TenantStatus::kActive, ProductState::kActive},
               Case{true, 0, true, false, TenantStatus::kActive, ProductState::kActive},
               Case{true, 0, false, true, TenantStatus::kActive, ProductState::kActive},
               Case{true, 30, false, true, TenantStatus::kTrial, ProductState::kTrial},
               Case{true, 30, false, true, TenantStatus::kFrozen, ProductState::kTrial},
               Case{true, -30, false, true, TenantStatus::kActive, ProductState::kExpired},
               Case{true, -30, false, false, TenantStatus::kActive, ProductState::kExpired},
               Case{true, -30, true, false, TenantStatus::kActive, ProductState::kExpired},
               Case{true, 0, false, false, TenantStatus::kArchived, ProductState::kExpired},
               Case{false, 0, true, false, TenantStatus::kActive, ProductState::kRequested},
               Case{false, -30, true, true, TenantStatus::kActive, ProductState::kRequested},
               Case{false, 30, false, true, TenantStatus::kActive, ProductState::kExpired},
               Case{false, 0, false, false, TenantStatus::kActive, ProductState::kAvailable},
               Case{false, 30, false, false, TenantStatus::kDemo, ProductState::kAvailable});
  CAPTURE(row.enabled, row.expires_in_days, row.requested, row.tried, to_string(row.status));
  const Tenant tenant = tenant_in(row.status);
  EntitlementRow made{.tenant_id = tenant.id, .product = "certifai", .enabled = row.enabled};
  if (row.expires_in_days != 0) made.expires_at = add_days(tenant.created_at, row.expires_in_days);
  if (row.requested) made.requested_at = add_days(tenant.created_at, -40);
  if (row.tried) made.trial_started_at = add_days(tenant.created_at, -40);
  backend().insert_entitlement(made);
  CHECK(to_string(state_of(tenant.id, "certifai")) == to_string(row.state));
}

TEST_CASE_METHOD(ProductsTest, "request_product: a disabled entitlement, audited with the note") {
  const Tenant tenant =
      tenant_in(GENERATE(TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive));
  const RowCounts before = backend().row_counts();
  let_time_pass();
  std::optional<std::string> note;
  std::string note_json;
  SECTION("with a note") {
    note = "50% \"more\" seats,\\ bitte – 日本 🚚";
    note_json = R"(,"note":"50% \"more\" seats,\\ bitte – 日本 🚚")";
  }
  SECTION("without one") {
    note_json = "";
  }

  const Timestamp moment = value_of(request(tenant.id, "certifai", note));

  CHECK(moment > tenant.created_at);
  const Entitlement made = entitlement_of(tenant.id, "certifai");
  CHECK_FALSE(made.enabled);
  CHECK_FALSE(made.active);
  CHECK(is_same_json(made.config_json, "{}"));
  CHECK_FALSE(made.expires_at);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kRequested);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.empty());
  CHECK(backend().row_counts().entitlements == before.entitlements + 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
  const AuditEvent entry = backend().audit_trail(tenant.id).at(1);
  CHECK(entry.created_at >= moment);
  CHECK(entry.event.action == "catalog.request");
  CHECK(entry.event.target_type == "product");
  CHECK(entry.event.target_id == "certifai");
  CHECK_FALSE(entry.event.target_name);
  CHECK_FALSE(entry.event.product);
  check_origin(entry.event);
  CHECK(is_same_json(entry.event.metadata_json,
                     R"({"to":"requested","product":"certifai")" + note_json + "}"));
}

TEST_CASE_METHOD(ProductsTest, "request_product: while one is pending, a further writes nothing") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp first = value_of(request(tenant.id, "certifai", "first"));
  require_writes_nothing(tenant.id, [&] {
    CHECK(value_of(request(tenant.id, "certifai", "second")) == first);
    CHECK(value_of(request(tenant.id, "certifai")) == first);
  });
  CHECK(value_of(request(tenant.id, "mapping")) != first);
}

TEST_CASE_METHOD(ProductsTest, "request_product: one that an operator noted counts as pending") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp noted = add_days(tenant.created_at, -3);
  backend().insert_entitlement(
      {.tenant_id = tenant.id, .product = "certifai", .enabled = false, .requested_at = noted});
  require_writes_nothing(tenant.id,
                         [&] { CHECK(value_of(request(tenant.id, "certifai")) == noted); });
}

TEST_CASE_METHOD(ProductsTest, "request_product: a row that is over or disabled keeps the rest") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  EntitlementRow row{.tenant_id = tenant.id,
                     .product = "certifai",
                     .config_json = R"({"seats":7})",
                     .expires_at = add_days(tenant.created_at, -1)};
  SECTION("over") {}
  SECTION("over, asked for before") {
    row.requested_at = add_days(tenant.created_at, -9);
  }
  SECTION("disabled") {
    row.enabled = false;
  }
  SECTION("tried before") {
    row.trial_started_at = add_days(tenant.created_at, -9);
  }
  backend().insert_entitlement(row);
  const Entitlement before = entitlement_of(tenant.id, "certifai");
  const RowCounts counts = backend().row_counts();
  let_time_pass();

  const Timestamp moment = value_of(request(tenant.id, "certifai"));

  CHECK(moment > before.updated_at);
  const Entitlement after = entitlement_of(tenant.id, "certifai");
  CHECK(after.updated_at > before.updated_at);
  Entitlement expected = before;
  expected.enabled = false;
  expected.updated_at = after.updated_at;
  CHECK(after == expected);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kRequested);
  CHECK(backend().row_counts().entitlements == counts.entitlements);
  CHECK(backend().row_counts().audit_events == counts.audit_events + 1);
  CHECK(value_of(request(tenant.id, "certifai")) == moment);
}

TEST_CASE_METHOD(ProductsTest, "request_product, start_trial: an unknown tenant is not found") {
  const RowCounts before = backend().row_counts();
  CHECK(code_of(request(random_id(), "certifai")) == ErrorCode::kNotFound);
  CHECK(code_of(try_out(random_id(), "certifai")) == ErrorCode::kNotFound);
  CHECK(backend().row_counts() == before);
}

TEST_CASE_METHOD(ProductsTest, "request_product, start_trial: refused whatever else would apply") {
  struct Case {
    TenantStatus status;
    ErrorCode code;
  };
  const Case row = GENERATE(Case{TenantStatus::kFrozen, ErrorCode::kTenantFrozen},
                            Case{TenantStatus::kArchived, ErrorCode::kTenantArchived});
  CAPTURE(to_string(row.status));
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  REQUIRE(request(tenant.id, "pending"));
  REQUIRE(try_out(tenant.id, "tried"));
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "active"});
  backend().set_status(tenant.id, row.status);
  require_writes_nothing(tenant.id, [&] {
    for (const char* product : {"new", "pending", "tried", "active"}) {
      CAPTURE(product);
      CHECK(code_of(request(tenant.id, product)) == row.code);
      CHECK(code_of(try_out(tenant.id, product)) == row.code);
    }
  });
}

TEST_CASE_METHOD(ProductsTest, "request_product: an active entitlement cannot be asked for") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "for-good"});
  backend().insert_entitlement({.tenant_id = tenant.id,
                                .product = "for-a-time",
                                .expires_at = add_days(tenant.created_at, 1)});
  REQUIRE(try_out(tenant.id, "on-trial"));
  require_writes_nothing(tenant.id, [&] {
    for (const char* product : {"for-good", "for-a-time", "on-trial"}) {
      CAPTURE(product);
      CHECK(code_of(request(tenant.id, product)) == ErrorCode::kAlreadyEntitled);
    }
  });
}

TEST_CASE_METHOD(ProductsTest, "start_trial: active at once, ends by itself, audited") {
  const Tenant tenant =
      tenant_in(GENERATE(TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive));
  const RowCounts before = backend().row_counts();
  let_time_pass();

  const Entitlement trial = value_of(try_out(tenant.id, "certifai"));

  CHECK(trial.product == "certifai");
  CHECK(trial.enabled);
  CHECK(trial.active);
  CHECK(is_same_json(trial.config_json, "{}"));
  CHECK(entitlement_of(tenant.id, "certifai") == trial);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kTrial);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products ==
        std::vector<std::string>{"certifai"});
  CHECK(backend().row_counts().entitlements == before.entitlements + 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
  const AuditEvent entry = backend().audit_trail(tenant.id).at(1);
  REQUIRE(trial.expires_at);
  CHECK(*trial.expires_at > add_days(tenant.created_at, kTrialDays));
  CHECK(*trial.expires_at <= add_days(entry.created_at, kTrialDays));
  CHECK(entry.event.action == "catalog.trial_request");
  CHECK(entry.event.target_type == "product");
  CHECK(entry.event.target_id == "certifai");
  check_origin(entry.event);
  CHECK(is_same_json(entry.event.metadata_json,
                     R"({"to":"trial","product":"certifai","trial_days":14})"));
}

TEST_CASE_METHOD(ProductsTest, "start_trial: a pending request is answered by it") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  REQUIRE(request(tenant.id, "certifai"));
  const Entitlement asked_for = entitlement_of(tenant.id, "certifai");
  let_time_pass();

  const Entitlement trial = value_of(try_out(tenant.id, "certifai"));

  CHECK(trial.created_at == asked_for.created_at);
  CHECK(trial.updated_at > asked_for.updated_at);
  CHECK(entitlement_of(tenant.id, "certifai") == trial);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kTrial);
  // Once it is switched off, nothing is pending any more.
  backend().decide_entitlement(tenant.id, "certifai", false, trial.expires_at);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kExpired);
}

TEST_CASE_METHOD(ProductsTest, "start_trial: a row that is over or disabled keeps the rest") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  EntitlementRow row{
      .tenant_id = tenant.id, .product = "certifai", .config_json = R"({"seats":7})"};
  SECTION("over") {
    row.expires_at = add_days(tenant.created_at, -1);
  }
  SECTION("disabled") {
    row.enabled = false;
  }
  backend().insert_entitlement(row);
  const Entitlement before = entitlement_of(tenant.id, "certifai");
  const RowCounts counts = backend().row_counts();
  let_time_pass();

  const Entitlement trial = value_of(try_out(tenant.id, "certifai"));

  CHECK(trial.active);
  CHECK(is_same_json(trial.config_json, before.config_json));
  CHECK(trial.created_at == before.created_at);
  CHECK(trial.updated_at > before.updated_at);
  CHECK(entitlement_of(tenant.id, "certifai") == trial);
  CHECK(backend().row_counts().entitlements == counts.entitlements);
}

TEST_CASE_METHOD(ProductsTest, "start_trial: a trial is given once, whatever became of it") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Entitlement trial = value_of(try_out(tenant.id, "certifai"));
  SECTION("running") {}
  SECTION("over") {
    backend().decide_entitlement(tenant.id, "certifai", true, add_days(tenant.created_at, -1));
  }
  SECTION("switched off") {
    backend().decide_entitlement(tenant.id, "certifai", false, trial.expires_at);
  }
  SECTION("bought") {  // counts before that it is active
    backend().decide_entitlement(tenant.id, "certifai", true, std::nullopt);
  }
  SECTION("over and asked for") {
    backend().decide_entitlement(tenant.id, "certifai", true, add_days(tenant.created_at, -1));
    REQUIRE(request(tenant.id, "certifai"));
  }
  require_writes_nothing(tenant.id, [&] {
    CHECK(code_of(try_out(tenant.id, "certifai")) == ErrorCode::kTrialAlreadyUsed);
  });
  CHECK(try_out(tenant.id, "mapping"));
  CHECK(try_out(tenant_in(TenantStatus::kActive).id, "certifai"));
}

TEST_CASE_METHOD(ProductsTest, "start_trial: an active entitlement without a trial is refused") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  std::optional<Timestamp> end;
  SECTION("for good") {}
  SECTION("for a time") {
    end = add_days(tenant.created_at, 1);
  }
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai", .expires_at = end});
  require_writes_nothing(tenant.id, [&] {
    CHECK(code_of(try_out(tenant.id, "certifai")) == ErrorCode::kAlreadyEntitled);
  });
}

TEST_CASE_METHOD(ProductsTest, "a request that an operator grants or declines is decided") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp first = value_of(request(tenant.id, "certifai"));
  backend().decide_entitlement(tenant.id, "certifai", true, std::nullopt);
  CHECK(state_of(tenant.id, "certifai") == ProductState::kActive);
  CHECK(code_of(request(tenant.id, "certifai")) == ErrorCode::kAlreadyEntitled);

  // Granted for a time that is over: asking again is another request.
  backend().decide_entitlement(tenant.id, "certifai", true, add_days(tenant.created_at, -1));
  CHECK(state_of(tenant.id, "certifai") == ProductState::kExpired);
  let_time_pass();
  CHECK(value_of(request(tenant.id, "certifai")) > first);
}

class ProductsWithAClockTest : public EveryStoreWithAClock {
 protected:
  const Tenant tenant_ = tenant_in(TenantStatus::kActive);
  const ProductId product_ = product_of("certifai");

  [[nodiscard]] ProductState state() {
    const auto standings = value_of(store().product_standings(everyone(), tenant_.id));
    return standings.empty() ? ProductState::kAvailable : standings[0].state;
  }
};

TEST_CASE_METHOD(ProductsWithAClockTest, "a trial's life, to the microsecond", "[embedded]") {
  CHECK(state() == ProductState::kAvailable);
  const Timestamp asked =
      value_of(store().request_product(everyone(), tenant_.id, product_, {}, {}));
  CHECK(asked == clock().now());
  CHECK(state() == ProductState::kRequested);

  let_time_pass();
  const Timestamp start = clock().now();
  const Entitlement trial = value_of(store().start_trial(everyone(), tenant_.id, product_, 14, {}));
  const Timestamp end = add_days(start, 14);
  CHECK(trial.expires_at == end);
  CHECK(trial.updated_at == start);
  CHECK(state() == ProductState::kTrial);

  clock().set({end.unix_us - 1});
  CHECK(state() == ProductState::kTrial);
  CHECK(code_of(store().request_product(everyone(), tenant_.id, product_, {}, {})) ==
        ErrorCode::kAlreadyEntitled);
  clock().set(end);
  CHECK(state() == ProductState::kExpired);
  CHECK(code_of(store().start_trial(everyone(), tenant_.id, product_, 14, {})) ==
        ErrorCode::kTrialAlreadyUsed);

  CHECK(value_of(store().request_product(everyone(), tenant_.id, product_, {}, {})) == end);
  CHECK(state() == ProductState::kRequested);
  CHECK(code_of(store().start_trial(everyone(), tenant_.id, product_, 14, {})) ==
        ErrorCode::kTrialAlreadyUsed);
}

TEST_CASE_METHOD(ProductsWithAClockTest, "changes of a product within one microsecond differ",
                 "[embedded]") {
  REQUIRE(store().request_product(everyone(), tenant_.id, product_, {}, {}));
  const Entitlement asked_for =
      value_of(store().entitlements(everyone(), tenant_.id, product_)).at(0);
  const Entitlement trial = value_of(store().start_trial(everyone(), tenant_.id, product_, 14, {}));
  CHECK(trial.updated_at != asked_for.updated_at);
  CHECK(value_of(store().entitlements(everyone(), tenant_.id, product_)).at(0) == trial);
}

}  // namespace
}  // namespace registry::test
