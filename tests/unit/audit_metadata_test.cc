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

}  // namespace
}  // namespace registry
