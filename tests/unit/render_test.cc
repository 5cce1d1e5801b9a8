#include "common/http/render.h"

#include <string>

#include "tests/support/catch.h"

namespace registry::http {
namespace {

const Uuid kId = *Uuid::parse("00000000-0000-0000-0000-000000000001");

Tenant bare_tenant() {
  return {.id = kId,
          .slug = "acme",
          .name = "Acme \"Inc.\" \xC3\xA4",
          .status = TenantStatus::kFrozen,
          .kind = TenantKind::kDemo,
          .plan = "starter",
          .products = {},
          .erp_customer_id = {},
          .stripe_cust_id = {},
          .trial_ends_at = {},
          .contract_start = {},
          .contract_end = {},
          .sales_owner = {},
          .created_at = {0},
          .updated_at = {1}};
}

TEST_CASE("tenant_json: what is absent is null, and every member is there in its order") {
  CHECK(tenant_json(bare_tenant()) ==
        R"({"id":"00000000-0000-0000-0000-000000000001","slug":"acme",)"
        "\"name\":\"Acme \\\"Inc.\\\" \xC3\xA4\","
        R"("status":"frozen","kind":"demo","plan":"starter","products":[],)"
        R"("erp_customer_id":null,"stripe_cust_id":null,"trial_ends_at":null,)"
        R"("contract_start":null,"contract_end":null,"sales_owner":null,)"
        R"("created_at":"1970-01-01T00:00:00.000000Z",)"
        R"("updated_at":"1970-01-01T00:00:00.000001Z"})");
}

TEST_CASE("tenant_json: what is present is told in full precision") {
  Tenant tenant = bare_tenant();
  tenant.name = "Acme";
  tenant.status = TenantStatus::kActive;
  tenant.kind = TenantKind::kCustomer;
  tenant.products = {"certifai", "compliance"};
  tenant.erp_customer_id = "e-1";
  tenant.stripe_cust_id = "cus_1";
  tenant.trial_ends_at = Timestamp{1'779'185'415'123'456};
  tenant.contract_start = Date{2026, 6, 1};
  tenant.contract_end = Date{2027, 5, 31};
  tenant.sales_owner = "Jo";
  CHECK(tenant_json(tenant) ==
        R"({"id":"00000000-0000-0000-0000-000000000001","slug":"acme","name":"Acme",)"
        R"("status":"active","kind":"customer","plan":"starter",)"
        R"("products":["certifai","compliance"],"erp_customer_id":"e-1",)"
        R"("stripe_cust_id":"cus_1","trial_ends_at":"2026-05-19T10:10:15.123456Z",)"
        R"("contract_start":"2026-06-01","contract_end":"2027-05-31","sales_owner":"Jo",)"
        R"("created_at":"1970-01-01T00:00:00.000000Z",)"
        R"("updated_at":"1970-01-01T00:00:00.000001Z"})");
}

TEST_CASE("entitlement_list_json: a tenant without any has an empty list") {
  CHECK(entitlement_list_json(kId, {}) ==
        R"({"tenant_id":"00000000-0000-0000-0000-000000000001","entitlements":[]})");
}

TEST_CASE("entitlement_list_json: the stored config passes through byte for byte") {
  const std::string config = "{ \"seats\" : 1.50, \"big\":12345678901234567890123 }";
  const Entitlement bare{.product = "certifai",
                         .enabled = false,
                         .active = false,
                         .config_json = "{}",
                         .expires_at = {},
                         .created_at = {0},
                         .updated_at = {0}};
  Entitlement full = bare;
  full.product = "compliance";
  full.enabled = true;
  full.active = true;
  full.config_json = config;
  full.expires_at = Timestamp{1};
  CHECK(entitlement_list_json(kId, {bare, full}) ==
        R"({"tenant_id":"00000000-0000-0000-0000-000000000001","entitlements":[)"
        R"({"product":"certifai","enabled":false,"active":false,"config":{},"expires_at":null,)"
        R"("created_at":"1970-01-01T00:00:00.000000Z",)"
        R"("updated_at":"1970-01-01T00:00:00.000000Z"},)"
        R"({"product":"compliance","enabled":true,"active":true,"config":)" +
            config +
            R"(,"expires_at":"1970-01-01T00:00:00.000001Z",)"
            R"("created_at":"1970-01-01T00:00:00.000000Z",)"
            R"("updated_at":"1970-01-01T00:00:00.000000Z"}]})");
}

TEST_CASE("catalog_json: the products as their manifests describe them, in the same order") {
  CHECK(catalog_json({}) == R"({"products":[]})");
  const Catalog catalog{.products = {{.id = "b",
                                      .name = "B",
                                      .description = "A line\nand another.",
                                      .plans = {"starter", "professional"},
                                      .trial_days = 14,
                                      .supports_projects = true},
                                     {.id = "a",
                                      .name = "A",
                                      .description = "x",
                                      .plans = {},
                                      .trial_days = 0,
                                      .supports_projects = false}}};
  CHECK(catalog_json(catalog) ==
        R"({"products":[{"id":"b","name":"B","description":"A line\nand another.",)"
        R"("plans":["starter","professional"],"trial_days":14,"supports_projects":true},)"
        R"({"id":"a","name":"A","description":"x","plans":[],"trial_days":0,)"
        R"("supports_projects":false}]})");
}

TEST_CASE("readiness_json: the store and its version") {
  CHECK(readiness_json("sqlite", 3) == R"({"status":"ready","store":"sqlite","schema_version":3})");
}

}  // namespace
}  // namespace registry::http
