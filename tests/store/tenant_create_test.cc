#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

TEST_CASE_METHOD(EveryStore, "create_tenant: a customer starts in a trial of the given length") {
  NewTenant tenant = new_customer();
  tenant.trial_days = 30;

  const CreatedTenant created = value_of(store().create_tenant(tenant, some_origin()));

  CHECK_FALSE(created.replayed);
  CHECK(created.tenant.id == tenant.id);
  CHECK(created.tenant.slug == tenant.slug.str());
  CHECK(created.tenant.name == "Example GmbH");
  CHECK(created.tenant.status == TenantStatus::kTrial);
  CHECK(created.tenant.kind == TenantKind::kCustomer);
  CHECK(created.tenant.plan == "starter");
  CHECK(created.tenant.products.empty());
  CHECK(created.tenant.trial_ends_at == add_days(created.tenant.created_at, 30));
  CHECK(created.tenant.sales_owner == "sales@example.com");
  CHECK(created.tenant.updated_at == created.tenant.created_at);
  CHECK_FALSE(created.tenant.erp_customer_id.has_value());
  CHECK_FALSE(created.tenant.stripe_cust_id.has_value());
  CHECK_FALSE(created.tenant.contract_start.has_value());
  CHECK_FALSE(created.tenant.contract_end.has_value());
}

TEST_CASE_METHOD(EveryStore, "create_tenant: a demo starts as a demo without an end") {
  NewTenant tenant = new_customer();
  tenant.kind = TenantKind::kDemo;
  tenant.sales_owner.reset();

  const Tenant created = value_of(store().create_tenant(tenant, some_origin())).tenant;

  CHECK(created.status == TenantStatus::kDemo);
  CHECK(created.kind == TenantKind::kDemo);
  CHECK_FALSE(created.trial_ends_at.has_value());
  CHECK_FALSE(created.sales_owner.has_value());
}

TEST_CASE_METHOD(EveryStore, "create_tenant: what it answers is what is read afterwards") {
  const NewTenant tenant = new_customer();
  const Tenant created = value_of(store().create_tenant(tenant, some_origin())).tenant;
  CHECK(value_of(store().tenant_by_id(everyone(), created.id)) == created);
  CHECK(value_of(store().tenant_by_slug(everyone(), tenant.slug)) == created);
}

TEST_CASE_METHOD(EveryStore, "create_tenant: without an id each tenant gets one of its own") {
  NewTenant first = new_customer();
  NewTenant second = new_customer();
  first.id.reset();
  second.id.reset();
  const Uuid first_id = value_of(store().create_tenant(first, some_origin())).tenant.id;
  const Uuid second_id = value_of(store().create_tenant(second, some_origin())).tenant.id;
  CHECK(first_id != second_id);
  CHECK(first_id.to_string().at(14) == '4');
}

TEST_CASE_METHOD(EveryStore, "create_tenant: any text comes back as it was given") {
  NewTenant tenant = new_customer();
  tenant.name = "Žluťoučký kůň 🦄 \"quoted\" \\ 'single' 名前 \xE2\x80\xAE";
  tenant.sales_owner = "';DROP TABLE tenants;--";
  const Tenant created = value_of(store().create_tenant(tenant, some_origin())).tenant;

  const Tenant read = value_of(store().tenant_by_id(everyone(), created.id));
  CHECK(read.name == tenant.name);
  CHECK(read.sales_owner == tenant.sales_owner);
  CHECK(json_text(backend().audit_trail(created.id).at(0).event.metadata_json, "name") ==
        tenant.name);
}

TEST_CASE_METHOD(EveryStore, "create_tenant: one audit entry says who made what") {
  const NewTenant tenant = new_customer();
  const Tenant created = value_of(store().create_tenant(tenant, some_origin())).tenant;

  const auto trail = backend().audit_trail(created.id);
  REQUIRE(trail.size() == 1);
  CHECK(trail[0].created_at >= created.created_at);
  const NewAuditEvent& event = trail[0].event;
  CHECK(event.action == "tenant.create");
  CHECK(event.tenant_id == created.id);
  CHECK_FALSE(event.project_id.has_value());
  CHECK(event.actor_id == "user-7");
  CHECK(event.actor_name == "Ada Lovelace");
  CHECK(event.actor_type == "user");
  CHECK(event.target_type == "tenant");
  CHECK(event.target_id == created.id.to_string());
  CHECK(event.target_name == created.slug);
  CHECK_FALSE(event.product.has_value());
  CHECK(event.source_ip == "203.0.113.7");
  CHECK(event.user_agent == "curl/8.0");
  CHECK(is_same_json(event.metadata_json, R"({"to":"trial","slug":")" + created.slug +
                                              R"(","name":"Example GmbH","kind":"customer",)"
                                              R"("plan":"starter"})"));
}

TEST_CASE_METHOD(EveryStore, "create_tenant: an unknown origin leaves its columns empty") {
  const Tenant created = value_of(store().create_tenant(new_customer(), ChangeOrigin{})).tenant;
  const NewAuditEvent event = backend().audit_trail(created.id).at(0).event;
  CHECK_FALSE(event.actor_id.has_value());
  CHECK_FALSE(event.actor_name.has_value());
  CHECK_FALSE(event.actor_type.has_value());
  CHECK_FALSE(event.source_ip.has_value());
  CHECK_FALSE(event.user_agent.has_value());
}

TEST_CASE_METHOD(EveryStore, "create_tenant: a taken slug is a conflict and writes nothing") {
  const Tenant holder = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  NewTenant late = new_customer();
  late.slug = slug_of(holder.slug);
  const bool has_id = GENERATE(true, false);
  if (!has_id) late.id.reset();

  require_writes_nothing(holder.id, [&] {
    CHECK(code_of(store().create_tenant(late, some_origin())) == ErrorCode::kSlugTaken);
  });
}

TEST_CASE_METHOD(EveryStore, "create_tenant: repeated with its id it answers the row, replayed") {
  const NewTenant tenant = new_customer();
  const Tenant first = value_of(store().create_tenant(tenant, some_origin())).tenant;

  require_writes_nothing(first.id, [&] {
    const CreatedTenant again = value_of(store().create_tenant(tenant, ChangeOrigin{}));
    CHECK(again.replayed);
    CHECK(again.tenant == first);
  });
}

TEST_CASE_METHOD(EveryStore, "create_tenant: a replay answers the row as it is now") {
  const NewTenant tenant = new_customer();
  const Uuid id = value_of(store().create_tenant(tenant, some_origin())).tenant.id;
  let_time_pass();
  Activation activation;
  activation.erp_customer_id = "erp-" + id.to_string();
  const Tenant active =
      value_of(store().activate_tenant(everyone(), id, activation, some_origin()));
  backend().insert_entitlement({.tenant_id = id, .product = "certifai"});

  NewTenant same_but_trial = tenant;
  same_but_trial.trial_days = 90;  // says how long a new trial would be, not what the tenant is
  const CreatedTenant again = value_of(store().create_tenant(same_but_trial, some_origin()));

  CHECK(again.replayed);
  CHECK(again.tenant.status == TenantStatus::kActive);
  CHECK(again.tenant.products == std::vector<std::string>{"certifai"});
  CHECK(again.tenant.updated_at == active.updated_at);
}

TEST_CASE_METHOD(EveryStore, "create_tenant: an id with other attributes is a conflict") {
  const NewTenant tenant = new_customer();
  const Tenant first = value_of(store().create_tenant(tenant, some_origin())).tenant;
  NewTenant other = tenant;
  SECTION("slug") {
    other.slug = random_slug();
  }
  SECTION("name") {
    other.name = "Example AG";
  }
  SECTION("plan") {
    other.plan = "professional";
  }
  SECTION("kind") {
    other.kind = TenantKind::kDemo;
  }
  SECTION("sales_owner") {
    other.sales_owner = "another@example.com";
  }
  SECTION("no sales_owner") {
    other.sales_owner.reset();
  }

  require_writes_nothing(first.id, [&] {
    CHECK(code_of(store().create_tenant(other, some_origin())) == ErrorCode::kConflict);
  });
}

TEST_CASE_METHOD(EveryStore, "create_tenant: a replay after the plan has changed is a conflict") {
  const NewTenant tenant = new_customer();
  const Uuid id = value_of(store().create_tenant(tenant, some_origin())).tenant.id;
  Activation activation;
  activation.plan = "professional";
  let_time_pass();
  REQUIRE(store().activate_tenant(everyone(), id, activation, some_origin()).has_value());

  CHECK(code_of(store().create_tenant(tenant, some_origin())) == ErrorCode::kConflict);
}

TEST_CASE_METHOD(EveryStore,
                 "create_tenant: an id that exists counts before a slug that is taken") {
  const Tenant holder = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  const NewTenant tenant = new_customer();
  REQUIRE(store().create_tenant(tenant, some_origin()).has_value());
  NewTenant other = tenant;
  other.slug = slug_of(holder.slug);
  CHECK(code_of(store().create_tenant(other, some_origin())) == ErrorCode::kConflict);
}

TEST_CASE_METHOD(EveryStoreWithAClock, "create_tenant: its time is the clock's, to the microsecond",
                 "[embedded]") {
  clock().set(*Timestamp::parse("2027-12-31T23:59:59.999999Z"));
  const Tenant created = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  CHECK(created.created_at.to_string() == "2027-12-31T23:59:59.999999Z");
  CHECK(created.trial_ends_at->to_string() == "2028-01-14T23:59:59.999999Z");
  CHECK(value_of(store().tenant_by_id(everyone(), created.id)) == created);
}

}  // namespace
}  // namespace registry::test
