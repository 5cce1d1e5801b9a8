#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

TEST_CASE_METHOD(EveryStore, "tenant_by_id, tenant_by_slug: an unknown tenant is not found") {
  CHECK(code_of(store().tenant_by_id(everyone(), random_id())) == ErrorCode::kNotFound);
  CHECK(code_of(store().tenant_by_slug(everyone(), random_slug())) == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(EveryStore, "tenant_by_id: each tenant is told from its neighbours") {
  const Tenant one = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  const Tenant two = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  backend().insert_entitlement({.tenant_id = two.id, .product = "certifai"});

  CHECK(value_of(store().tenant_by_id(everyone(), one.id)) == one);
  const Tenant read = value_of(store().tenant_by_slug(everyone(), slug_of(two.slug)));
  CHECK(read.id == two.id);
  CHECK(read.products == std::vector<std::string>{"certifai"});
}

TEST_CASE_METHOD(EveryStore, "tenant_by_id: its products are those entitled now, by byte value") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp past = add_days(tenant.created_at, -1);
  const Timestamp future = add_days(tenant.created_at, 36'500);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "zeta"});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "a:b"});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "a-b"});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "a_b", .expires_at = future});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "ab"});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "over", .expires_at = past});
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "off", .enabled = false});

  const std::vector<std::string> expected = {"a-b", "a:b", "a_b", "ab", "zeta"};
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products == expected);
  CHECK(value_of(store().tenant_by_slug(everyone(), slug_of(tenant.slug))).products == expected);
}

TEST_CASE_METHOD(EveryStore, "tenant_by_id: a tenant whose products are all off has none") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "off", .enabled = false});
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.empty());
}

TEST_CASE_METHOD(EveryStore, "tenant_by_id: an archived tenant has no products, a frozen one has") {
  const Tenant tenant = tenant_in(TenantStatus::kFrozen);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai"});
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.size() == 1);
  backend().set_status(tenant.id, TenantStatus::kArchived);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.empty());
}

TEST_CASE_METHOD(EveryStoreWithAClock, "tenant_by_id: a product is gone from its last microsecond",
                 "[embedded]") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Timestamp end = *Timestamp::parse("2030-02-28T23:59:59.000001Z");
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "certifai", .expires_at = end});

  clock().set({end.unix_us - 1});
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.size() == 1);
  clock().set(end);
  CHECK(value_of(store().tenant_by_id(everyone(), tenant.id)).products.empty());
}

TEST_CASE_METHOD(EveryStore, "reading writes nothing") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  require_writes_nothing(tenant.id, [&] {
    CHECK(store().tenant_by_id(everyone(), tenant.id).has_value());
    CHECK(store().tenant_by_slug(everyone(), slug_of(tenant.slug)).has_value());
    CHECK(store().entitlements(everyone(), tenant.id, std::nullopt).has_value());
    CHECK(store().check_health().schema_version > 0);
  });
}

TEST_CASE_METHOD(EveryStore, "check_health: a store that serves says what it is") {
  const Store::Health health = store().check_health();
  CHECK((health.kind == "sqlite" || health.kind == "postgres"));
  CHECK(health.schema_version >= 1);
}

}  // namespace
}  // namespace registry::test
