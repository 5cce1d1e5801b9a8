#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

std::vector<std::string> products_of(const std::vector<Entitlement>& entitlements) {
  std::vector<std::string> products;
  for (const Entitlement& entitlement : entitlements) products.push_back(entitlement.product);
  return products;
}

TEST_CASE_METHOD(EveryStore, "entitlements: an unknown tenant is not found") {
  CHECK(code_of(store().entitlements(everyone(), random_id(), std::nullopt)) ==
        ErrorCode::kNotFound);
  CHECK(code_of(store().entitlements(everyone(), random_id(), product_of("certifai"))) ==
        ErrorCode::kNotFound);
}

TEST_CASE_METHOD(EveryStore, "entitlements: a tenant without any has an empty list") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  CHECK(value_of(store().entitlements(everyone(), tenant.id, std::nullopt)).empty());
  CHECK(value_of(store().entitlements(everyone(), tenant.id, product_of("certifai"))).empty());
}

TEST_CASE_METHOD(EveryStore,
                 "entitlements: all of a tenant, sorted by byte value, none of others") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Tenant neighbour = tenant_in(TenantStatus::kActive);
  for (const char* product : {"zeta", "a:b", "a-b", "a_b", "ab", "a.b"}) {
    backend().insert_entitlement({.tenant_id = tenant.id, .product = product});
  }
  backend().insert_entitlement({.tenant_id = neighbour.id, .product = "mine"});

  const auto all = value_of(store().entitlements(everyone(), tenant.id, std::nullopt));
  CHECK(products_of(all) == std::vector<std::string>{"a-b", "a.b", "a:b", "a_b", "ab", "zeta"});
}

TEST_CASE_METHOD(EveryStore, "entitlements: a product narrows the list to that one") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai"});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "compliance"});

  const auto one = value_of(store().entitlements(everyone(), tenant.id, product_of("compliance")));
  CHECK(products_of(one) == std::vector<std::string>{"compliance"});
  CHECK(value_of(store().entitlements(everyone(), tenant.id, product_of("compl"))).empty());
}

TEST_CASE_METHOD(EveryStore, "entitlements: every member is as stored") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const std::string config = R"({"seats": 12, "regions": ["eu", "日本"], "nested": {"a": null}})";
  const Timestamp end = add_days(tenant.created_at, 30);
  backend().insert_entitlement({.tenant_id = tenant.id,
                                .product = "certifai",
                                .enabled = false,
                                .config_json = config,
                                .expires_at = end});

  const Entitlement read =
      value_of(store().entitlements(everyone(), tenant.id, std::nullopt)).at(0);
  CHECK(read.product == "certifai");
  CHECK_FALSE(read.enabled);
  CHECK(is_same_json(read.config_json, config));
  CHECK(read.expires_at == end);
  CHECK(read.created_at >= tenant.created_at);
  CHECK(read.updated_at == read.created_at);
}

TEST_CASE_METHOD(EveryStore, "entitlements: active is enabled, not expired, tenant not archived") {
  struct Case {
    bool enabled;
    int expires_in_days;  // 0: never
    TenantStatus status;
    bool active;
  };
  const Case row = GENERATE(
      Case{true, 0, TenantStatus::kActive, true}, Case{true, 30, TenantStatus::kTrial, true},
      Case{true, 0, TenantStatus::kDemo, true}, Case{true, 0, TenantStatus::kFrozen, true},
      Case{true, 0, TenantStatus::kArchived, false}, Case{true, 30, TenantStatus::kArchived, false},
      Case{true, -30, TenantStatus::kActive, false}, Case{false, 0, TenantStatus::kActive, false},
      Case{false, 30, TenantStatus::kActive, false});
  CAPTURE(row.enabled, row.expires_in_days, to_string(row.status));
  const Tenant tenant = tenant_in(row.status);
  std::optional<Timestamp> end;
  if (row.expires_in_days != 0) end = add_days(tenant.created_at, row.expires_in_days);
  backend().insert_entitlement(
      {.tenant_id = tenant.id, .product = "certifai", .enabled = row.enabled, .expires_at = end});

  CHECK(value_of(store().entitlements(everyone(), tenant.id, std::nullopt)).at(0).active ==
        row.active);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.size() ==
        (row.active ? 1U : 0U));
}

TEST_CASE_METHOD(EveryStoreWithAClock, "entitlements: over from the microsecond of expires_at on",
                 "[embedded]") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp end = *Timestamp::parse("2026-12-31T00:00:00.000000Z");
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai", .expires_at = end});
  const auto is_active_now = [&] {
    return value_of(store().entitlements(everyone(), tenant.id, std::nullopt)).at(0).active;
  };

  clock().set({end.unix_us - 1});
  CHECK(is_active_now());
  clock().set(end);
  CHECK_FALSE(is_active_now());
  clock().advance_us(1);
  CHECK_FALSE(is_active_now());
}

}  // namespace
}  // namespace registry::test
