#include "common/store/audit_metadata.h"

#include "common/store/tenant_changes.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

Tenant some_tenant() {
  const NewTenant tenant{.id = {},
                         .slug = *Slug::parse("example"),
                         .name = "Example \"GmbH\"",
                         .plan = "starter",
                         .kind = TenantKind::kCustomer,
                         .sales_owner = {},
                         .trial_days = 14};
  return new_tenant_row(*Uuid::parse("00000000-0000-0000-0000-00000000000a"), tenant, {0});
}

TEST_CASE("tenant_created_event: the members in their order") {
  CHECK(tenant_created_event(some_tenant(), {}).metadata_json ==
        R"({"to":"trial","slug":"example","name":"Example \"GmbH\"","kind":"customer",)"
        R"("plan":"starter"})");
}

TEST_CASE("tenant_activated_event: every member that moved, and no other") {
  const Tenant before = some_tenant();
  Tenant after = before;
  after.status = TenantStatus::kActive;
  CHECK(tenant_activated_event(before, after, {}).metadata_json ==
        R"({"from":"trial","to":"active"})");

  after.plan = "professional";
  after.contract_start = Date{2026, 6, 1};
  after.contract_end = Date{2027, 5, 31};
  after.erp_customer_id = "e";
  after.stripe_cust_id = "s";
  CHECK(tenant_activated_event(before, after, {}).metadata_json ==
        R"({"from":"trial","to":"active","changes":{)"
        R"("plan":{"from":"starter","to":"professional"},)"
        R"("contract_start":{"from":null,"to":"2026-06-01"},)"
        R"("contract_end":{"from":null,"to":"2027-05-31"},)"
        R"("erp_customer_id":{"from":null,"to":"e"},)"
        R"("stripe_cust_id":{"from":null,"to":"s"}}})");
}

TEST_CASE("tenant_cancelled_event: the reason only when one was given") {
  const Tenant before = some_tenant();
  Tenant after = before;
  after.status = TenantStatus::kFrozen;
  after.contract_end = Date{2026, 6, 1};
  CHECK(tenant_cancelled_event(before, after, {}, {}).metadata_json ==
        R"({"from":"trial","to":"frozen","contract_end":"2026-06-01"})");
  CHECK(tenant_cancelled_event(before, after, "too dear", {}).metadata_json ==
        R"({"from":"trial","to":"frozen","contract_end":"2026-06-01","reason":"too dear"})");
}

TEST_CASE("product_requested_event: the note only when one was given") {
  const Uuid id = some_tenant().id;
  const ProductId product = *ProductId::parse("certifai");
  const NewAuditEvent event = product_requested_event(id, product, "a \"note\"", {});
  CHECK(event.action == "catalog.request");
  CHECK(event.tenant_id == id);
  CHECK(event.target_type == "product");
  CHECK(event.target_id == "certifai");
  CHECK(event.metadata_json == R"({"to":"requested","product":"certifai","note":"a \"note\""})");
  CHECK(product_requested_event(id, product, {}, {}).metadata_json ==
        R"({"to":"requested","product":"certifai"})");
}

TEST_CASE("trial_started_event: how long it is") {
  const NewAuditEvent event =
      trial_started_event(some_tenant().id, *ProductId::parse("certifai"), 14, {});
  CHECK(event.action == "catalog.trial_request");
  CHECK(event.target_id == "certifai");
  CHECK(event.metadata_json == R"({"to":"trial","product":"certifai","trial_days":14})");
}

TEST_CASE("api_key_created_event, api_key_revoked_event: the key without its secrets") {
  const ApiKey key{.id = *Uuid::parse("00000000-0000-0000-0000-00000000000b"),
                   .tenant_id = some_tenant().id,
                   .product = {},
                   .name = "CI \"one\"",
                   .scopes = {"b", "a"},
                   .prefix = "bp_0123abcd",
                   .created_by = "ada",
                   .last_used_at = {},
                   .revoked_at = {},
                   .created_at = {0}};
  const NewAuditEvent created = api_key_created_event(key, {});
  CHECK(created.action == "api_key.create");
  CHECK(created.tenant_id == key.tenant_id);
  CHECK(created.target_type == "api_key");
  CHECK(created.target_id == key.id.to_string());
  CHECK(created.target_name == key.name);
  CHECK(created.metadata_json ==
        R"({"product":null,"scopes":["b","a"],"prefix":"bp_0123abcd","created_by":"ada"})");
  const NewAuditEvent revoked = api_key_revoked_event(key, {});
  CHECK(revoked.action == "api_key.revoke");
  CHECK(revoked.target_id == key.id.to_string());
  CHECK(revoked.metadata_json == R"({"product":null,"prefix":"bp_0123abcd"})");
}

TEST_CASE("metadata_with_reserved: one object, whatever is empty or spaced") {
  struct Case {
    std::string metadata;
    std::string retraced;
    std::string joined;
  };
  const Case row = GENERATE(values<Case>({
      {"{}", "{}", R"({"_retraced":{"hash":"h"}})"},
      {" { } ", "\t{\r\n}\n", "{\"_retraced\":{\"hash\":\"h\"}}"},
      {R"({"a":"1"})", "{}", R"({"a":"1","_retraced":{"hash":"h"}})"},
      {"{}", R"({"crud":"c"})", R"({"_retraced":{"crud":"c","hash":"h"}})"},
      {R"({"a":"}","b":{}})", R"({"fields":{"{":"}"},"version":"\""})",
       R"({"a":"}","b":{},"_retraced":{"fields":{"{":"}"},"version":"\"","hash":"h"}})"},
      {R"({"a":[{}]})", R"({"group":{"name":"日本"}})",
       R"({"a":[{}],"_retraced":{"group":{"name":"日本"},"hash":"h"}})"},
  }));
  CAPTURE(row.metadata, row.retraced);
  const auto without_spaces = [](std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    return text;
  };
  CHECK(without_spaces(metadata_with_reserved(row.metadata, row.retraced, "h")) == row.joined);
}

}  // namespace
}  // namespace registry
