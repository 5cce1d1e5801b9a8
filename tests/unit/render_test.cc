#include "common/http/render.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace registry::http {
namespace {

const Uuid kSomeId = *Uuid::parse("00000000-0000-0000-0000-000000000001");

Tenant bare_tenant() {
  return {.id = kSomeId,
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
  CHECK(entitlement_list_json(kSomeId, {}) ==
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
  CHECK(entitlement_list_json(kSomeId, {bare, full}) ==
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

TEST_CASE("catalog_json: with standings, each product has its state") {
  const auto product = [](std::string id) {
    return Product{.id = std::move(id),
                   .name = "N",
                   .description = "D",
                   .plans = {},
                   .trial_days = 0,
                   .supports_projects = false};
  };
  const Catalog catalog{.products = {product("a"), product("b")}};
  // A standing for a product that the catalog does not have is not told.
  const std::vector<ProductStanding> standings = {{.product = "b", .state = ProductState::kTrial},
                                                  {.product = "c", .state = ProductState::kActive}};
  CHECK(catalog_json(catalog, standings) ==
        R"({"products":[{"id":"a","name":"N","description":"D","plans":[],"trial_days":0,)"
        R"("supports_projects":false,"state":"available"},)"
        R"({"id":"b","name":"N","description":"D","plans":[],"trial_days":0,)"
        R"("supports_projects":false,"state":"trial"}]})");
  CHECK(catalog_json({}, standings) == R"({"products":[]})");
}

TEST_CASE("product_request_json: what was asked for, and when") {
  CHECK(product_request_json(kSomeId, *ProductId::parse("certifai"), {1}) ==
        R"({"status":"requested","tenant_id":"00000000-0000-0000-0000-000000000001",)"
        R"("product":"certifai","requested_at":"1970-01-01T00:00:00.000001Z"})");
}

ApiKey bare_key() {
  return {.id = kSomeId,
          .tenant_id = kSomeId,
          .product = {},
          .name = "ci \"1\"",
          .scopes = {},
          .prefix = "bp_AAAAAAAA",
          .created_by = {},
          .last_used_at = {},
          .revoked_at = {},
          .created_at = {0}};
}

TEST_CASE("new_api_key_json: the plaintext is the last member") {
  CHECK(new_api_key_json(bare_key(), "bp_x") ==
        R"({"id":"00000000-0000-0000-0000-000000000001",)"
        R"("tenant_id":"00000000-0000-0000-0000-000000000001","product":null,)"
        R"("name":"ci \"1\"","scopes":[],"prefix":"bp_AAAAAAAA","created_by":null,)"
        R"("last_used_at":null,"revoked_at":null,"created_at":"1970-01-01T00:00:00.000000Z",)"
        R"("key":"bp_x"})");
}

TEST_CASE("api_key_list_json: the keys in their order, without a plaintext") {
  CHECK(api_key_list_json(kSomeId, {}) ==
        R"({"tenant_id":"00000000-0000-0000-0000-000000000001","api_keys":[]})");
  ApiKey key = bare_key();
  key.product = "certifai";
  key.name = "ci";
  key.scopes = {"b", "a"};
  key.created_by = "jo";
  key.last_used_at = Timestamp{1};
  key.revoked_at = Timestamp{2};
  CHECK(api_key_list_json(kSomeId, {key}) ==
        R"({"tenant_id":"00000000-0000-0000-0000-000000000001","api_keys":[)"
        R"({"id":"00000000-0000-0000-0000-000000000001",)"
        R"("tenant_id":"00000000-0000-0000-0000-000000000001","product":"certifai",)"
        R"("name":"ci","scopes":["b","a"],"prefix":"bp_AAAAAAAA","created_by":"jo",)"
        R"("last_used_at":"1970-01-01T00:00:00.000001Z",)"
        R"("revoked_at":"1970-01-01T00:00:00.000002Z",)"
        R"("created_at":"1970-01-01T00:00:00.000000Z"}]})");
}

TEST_CASE("valid_key_json: the entitlement is told only when a product was named") {
  ApiKeyCandidate candidate{.key = bare_key(),
                            .hash = "secret",
                            .tenant_slug = "acme",
                            .tenant_status = TenantStatus::kFrozen,
                            .entitlement = {}};
  candidate.key.scopes = {"a"};
  const std::string common =
      R"({"valid":true,"code":"VALID","key_id":"00000000-0000-0000-0000-000000000001",)"
      R"("tenant_id":"00000000-0000-0000-0000-000000000001","tenant_slug":"acme",)"
      R"("tenant_status":"frozen","product":null,"name":"ci \"1\"","scopes":["a"],)"
      R"("prefix":"bp_AAAAAAAA")";
  CHECK(valid_key_json(candidate, false) == common + "}");
  CHECK(valid_key_json(candidate, true) == common + R"(,"entitlement":null})");
  candidate.entitlement = Entitlement{.product = "certifai",
                                      .enabled = true,
                                      .active = false,
                                      .config_json = R"({ "seats":1.50 })",
                                      .expires_at = Timestamp{1},
                                      .created_at = {0},
                                      .updated_at = {0}};
  CHECK(valid_key_json(candidate, false) == common + "}");
  CHECK(valid_key_json(candidate, true) ==
        common + R"(,"entitlement":{"product":"certifai","active":false,)"
                 R"("config":{ "seats":1.50 },"expires_at":"1970-01-01T00:00:00.000001Z"}})");
}

TEST_CASE("invalid_key_json: the code and nothing about any key") {
  CHECK(invalid_key_json(KeyVerdict::kMalformed) == R"({"valid":false,"code":"MALFORMED"})");
  CHECK(invalid_key_json(KeyVerdict::kRevoked) == R"({"valid":false,"code":"REVOKED"})");
}

TEST_CASE("audit_receipt_json: the id is a string") {
  const AuditReceipt receipt{.id = 9'223'372'036'854'775'807, .hash = "ab"};
  CHECK(audit_receipt_json(receipt) == R"({"id":"9223372036854775807","hash":"ab"})");
  CHECK(audit_receipts_json({receipt, {.id = 1, .hash = "c"}}) ==
        R"([{"id":"9223372036854775807","hash":"ab"},{"id":"1","hash":"c"}])");
  CHECK(audit_receipts_json({receipt}) == R"([{"id":"9223372036854775807","hash":"ab"}])");
}

AuditEvent bare_event() {
  AuditEvent entry;
  entry.id = 17;
  entry.event.action = "a";
  return entry;
}

TEST_CASE("audit_page_json: every member of an event in its order, absent ones as null") {
  CHECK(audit_page_json({}) == R"({"events":[],"next_cursor":null})");
  CHECK(audit_page_json({.events = {bare_event()}, .next_cursor = 17}) ==
        R"({"events":[{"id":"17","tenant_id":null,"project_id":null,"actor_id":null,)"
        R"("actor_name":null,"actor_type":null,"action":"a","target_id":null,)"
        R"("target_type":null,"target_name":null,"product":null,"metadata":{},)"
        R"("source_ip":null,"user_agent":null,"created_at":"1970-01-01T00:00:00.000000Z"}],)"
        R"("next_cursor":17})");
}

TEST_CASE("audit_page_json: what is present is told, and metadata passes through") {
  AuditEvent entry = bare_event();
  entry.created_at = {1};
  entry.event = {.tenant_id = kSomeId,
                 .project_id = kSomeId,
                 .actor_id = "ai",
                 .actor_name = "an",
                 .actor_type = "at",
                 .action = "a",
                 .target_id = "ti",
                 .target_type = "tt",
                 .target_name = "tn",
                 .product = "p",
                 .metadata_json = R"({ "n":1.50 })",
                 .source_ip = "::1",
                 .user_agent = "ua"};
  entry.retraced_json = R"({"crud":"c","hash":"ab"})";
  CHECK(audit_page_json({.events = {entry}, .next_cursor = {}}) ==
        R"({"events":[{"id":"17","tenant_id":"00000000-0000-0000-0000-000000000001",)"
        R"("project_id":"00000000-0000-0000-0000-000000000001","actor_id":"ai",)"
        R"("actor_name":"an","actor_type":"at","action":"a","target_id":"ti",)"
        R"("target_type":"tt","target_name":"tn","product":"p","metadata":{ "n":1.50 },)"
        R"("source_ip":"::1","user_agent":"ua","created_at":"1970-01-01T00:00:00.000001Z",)"
        R"("retraced":{"action":"a","crud":"c","actor":{"id":"ai","name":"an"},)"
        R"("target":{"id":"ti","name":"tn","type":"tt"},"component":"p",)"
        R"("metadata":{ "n":1.50 },"hash":"ab"}}],"next_cursor":null})");
}

}  // namespace
}  // namespace registry::http
