#include "tests/integration/change_ledger.h"
#include "tests/integration/integration.h"

namespace registry::test {
namespace {

constexpr const char* kRequest = "/v1/catalog/request";
constexpr const char* kTrial = "/v1/catalog/trial-request";

Json asking(const Json& tenant, const std::string& product = "certifai") {
  return {{"tenant_id", tenant.at("id")}, {"product", product}};
}

// What the catalog says of a product to this tenant.
Json state_of(HttpClient& client, const Json& tenant, const std::string& product) {
  const HttpResponse response = client.get("/v1/catalog?tenant_id=" + id_text(tenant));
  REQUIRE(response.status == 200);
  const Json catalog = response.json();
  for (const Json& found : catalog.at("products")) {
    if (found.at("id") == product) return found.at("state");
  }
  return nullptr;
}

// Requires that a call changes no row of any table.
template <class Call>
void require_writes_nothing(const Call& call) {
  const RowCounts before = shared_database().row_counts();
  call();
  REQUIRE(shared_database().row_counts() == before);
}

AuditEvent last_entry(const Json& tenant) {
  return shared_database().audit_trail(id_of(tenant)).back();
}

}  // namespace

TEST_CASE("catalog_list: without a tenant no product has a state, with one each has") {
  HttpClient client = shared_service().client();
  const Json bare = client.get("/v1/catalog").json();
  REQUIRE(bare.at("products").size() == 2);
  for (const Json& product : bare.at("products")) REQUIRE_FALSE(product.contains("state"));
  const Json tenant = make_tenant(client);
  REQUIRE(state_of(client, tenant, "certifai") == "available");
  REQUIRE(state_of(client, tenant, "compliance") == "available");
}

TEST_CASE("catalog_list: each state of a product, as its row says") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Timestamp now = SystemClock().now();

  SECTION("requested, and after the trial of it") {
    REQUIRE(client.post(kRequest, asking(tenant)).status == 202);
    REQUIRE(state_of(client, tenant, "certifai") == "requested");
    REQUIRE(client.post(kTrial, asking(tenant)).status == 201);
    REQUIRE(state_of(client, tenant, "certifai") == "trial");
  }
  SECTION("active: bought, with or without an end") {
    insert_entitlement({.tenant_id = id_of(tenant), .product = "certifai"});
    insert_entitlement(
        {.tenant_id = id_of(tenant), .product = "compliance", .expires_at = add_days(now, 30)});
    REQUIRE(state_of(client, tenant, "certifai") == "active");
    REQUIRE(state_of(client, tenant, "compliance") == "active");
  }
  SECTION("expired: its time is over") {
    insert_entitlement(
        {.tenant_id = id_of(tenant), .product = "certifai", .expires_at = add_days(now, -1)});
    REQUIRE(state_of(client, tenant, "certifai") == "expired");
  }
  SECTION("available: switched off, and never asked for") {
    insert_entitlement({.tenant_id = id_of(tenant), .product = "certifai", .enabled = false});
    REQUIRE(state_of(client, tenant, "certifai") == "available");
  }
}

TEST_CASE("catalog_list: the ETag of a tenant's view changes with its states") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string path = "/v1/catalog?tenant_id=" + id_text(tenant);
  const std::string tag = client.get(path).header("etag").value();
  REQUIRE(client.send({.path = path, .headers = {"If-None-Match: " + tag}}).status == 304);
  REQUIRE(client.post(kRequest, asking(tenant)).status == 202);
  const HttpResponse changed = client.send({.path = path, .headers = {"If-None-Match: " + tag}});
  REQUIRE(changed.status == 200);
  REQUIRE(changed.header("etag") != tag);
}

TEST_CASE("catalog_list: an unknown tenant is 404, a bad parameter 400") {
  HttpClient client = shared_service().client();
  require_problem(client.get(std::string("/v1/catalog?tenant_id=") + kNobody), 404, "not_found");
  REQUIRE(rejected_fields(client.get("/v1/catalog?tenant_id=x")) ==
          std::vector<std::string>{"tenant_id"});
  REQUIRE(rejected_fields(client.get("/v1/catalog?tenant=x")) ==
          std::vector<std::string>{"tenant"});
}

TEST_CASE("catalog_request: 202, a disabled entitlement, and an audit entry with the note") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  Json body = asking(tenant);
  body["note"] = "for the audit in May";
  const HttpResponse response = client.post(kRequest, body);
  REQUIRE(response.status == 202);
  const Json answer = response.json();
  REQUIRE(answer.at("status") == "requested");
  REQUIRE(answer.at("tenant_id") == tenant.at("id"));
  REQUIRE(answer.at("product") == "certifai");
  REQUIRE(Timestamp::parse(answer.at("requested_at").get<std::string>()));
  const Json list = client.get("/v1/entitlements?tenant_id=" + id_text(tenant)).json();
  REQUIRE(list.at("entitlements").size() == 1);
  REQUIRE(list.at("entitlements")[0].at("enabled") == false);
  REQUIRE(list.at("entitlements")[0].at("active") == false);
  const AuditEvent entry = last_entry(tenant);
  REQUIRE(entry.event.action == "catalog.request");
  REQUIRE(entry.event.target_id == "certifai");
  REQUIRE(Json::parse(entry.event.metadata_json).at("note") == "for the audit in May");

  SECTION("and repeating it is 202 with the same answer, and writes nothing, whatever the note") {
    require_writes_nothing([&] {
      const HttpResponse again = client.post(kRequest, asking(tenant));
      REQUIRE(again.status == 202);
      REQUIRE(again.body == response.body);
    });
  }
}

TEST_CASE("catalog_trial_request: 201 with the entitlement, for as long as the catalog says") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const HttpResponse response = client.post(kTrial, asking(tenant, "compliance"));
  REQUIRE(response.status == 201);
  const Json entitlement = response.json();
  REQUIRE(entitlement.at("product") == "compliance");
  REQUIRE(entitlement.at("enabled") == true);
  REQUIRE(entitlement.at("active") == true);
  REQUIRE(entitlement.at("config") == Json::object());
  const auto created = Timestamp::parse(entitlement.at("created_at").get<std::string>());
  REQUIRE(entitlement.at("expires_at") == add_days(created.value(), 30).to_string());
  const Json list = client.get("/v1/entitlements?tenant_id=" + id_text(tenant)).json();
  REQUIRE(list.at("entitlements") == Json::array({entitlement}));
  REQUIRE(client.get("/v1/tenants/" + id_text(tenant)).json().at("products") ==
          Json::array({"compliance"}));
  const AuditEvent entry = last_entry(tenant);
  REQUIRE(entry.event.action == "catalog.trial_request");
  REQUIRE(Json::parse(entry.event.metadata_json).at("trial_days") == 30);

  SECTION("and a second one is 409, also when the first is over") {
    const bool is_over = GENERATE(false, true);
    if (is_over) {
      shared_database().decide_entitlement(id_of(tenant), "compliance", true,
                                           add_days(created.value(), -1));
      shared_ledger().discount(id_of(tenant));
      REQUIRE(state_of(client, tenant, "compliance") == "expired");
    }
    require_writes_nothing([&] {
      require_problem(client.post(kTrial, asking(tenant, "compliance")), 409, "trial_already_used");
    });
  }
  SECTION("and asking for the product is 409 while the trial runs") {
    require_writes_nothing([&] {
      require_problem(client.post(kRequest, asking(tenant, "compliance")), 409, "already_entitled");
    });
  }
  SECTION("and another product's trial is another one") {
    REQUIRE(client.post(kTrial, asking(tenant)).status == 201);
  }
}

TEST_CASE("catalog_trial_request: a pending request does not stand in the way") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  REQUIRE(client.post(kRequest, asking(tenant)).status == 202);
  REQUIRE(client.post(kTrial, asking(tenant)).json().at("active") == true);
  REQUIRE(audit_actions(tenant) ==
          std::vector<std::string>{"tenant.create", "catalog.request", "catalog.trial_request"});
}

TEST_CASE("catalog: what is bought is 409 already_entitled, for a request and for a trial") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  insert_entitlement({.tenant_id = id_of(tenant), .product = "certifai"});
  const std::string path = GENERATE(as<std::string>{}, kRequest, kTrial);
  require_writes_nothing(
      [&] { require_problem(client.post(path, asking(tenant)), 409, "already_entitled"); });
}

TEST_CASE("catalog: a demo, trial or active tenant may ask; a frozen or archived one is 409") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(as<std::string>{}, kRequest, kTrial);
  for (const auto status : {TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive}) {
    REQUIRE(client.post(path, asking(make_tenant_in(client, status))).status / 100 == 2);
  }
  const Json frozen = make_tenant_in(client, TenantStatus::kFrozen);
  const Json archived = make_tenant_in(client, TenantStatus::kArchived);
  require_writes_nothing([&] {
    require_problem(client.post(path, asking(frozen)), 409, "tenant_frozen");
    require_problem(client.post(path, asking(archived)), 409, "tenant_archived");
  });
}

TEST_CASE("catalog: an unknown tenant or product is 404") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(as<std::string>{}, kRequest, kTrial);
  const Json tenant = make_tenant(client);
  require_writes_nothing([&] {
    require_problem(client.post(path, {{"tenant_id", kNobody}, {"product", "certifai"}}), 404,
                    "not_found");
    require_problem(client.post(path, asking(tenant, "no-such-product")), 404, "not_found");
  });
}

TEST_CASE("catalog_trial_request: a product without a trial is 409 trial_not_offered") {
  const TempFolder folder;
  const std::string file = folder.path() + "/catalog.json";
  write_file(file, R"({"products":[{"id":"plain","name":"Plain","description":"No trial.",
    "plans":["starter"],"trial_days":0,"supports_projects":false}]})");
  Service service({{"CATALOG_FILE", file}});
  HttpClient client = service.client();
  const Json tenant = make_tenant(client);
  require_problem(client.post(kTrial, asking(tenant, "plain")), 409, "trial_not_offered");
  REQUIRE(client.post(kRequest, asking(tenant, "plain")).status == 202);
}

TEST_CASE("catalog: each bad member is 400 and named") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string path = GENERATE(as<std::string>{}, kRequest, kTrial);
  require_writes_nothing([&] {
    REQUIRE(rejected_fields(client.post(path, Json::object())) == Fields{"tenant_id", "product"});
    REQUIRE(rejected_fields(client.post(path, {{"tenant_id", "x"}, {"product", "UPPER"}})) ==
            Fields{"tenant_id", "product"});
    REQUIRE(rejected_fields(client.post(path, {{"tenant_id", 1}, {"product", {"a"}}})) ==
            Fields{"tenant_id", "product"});
    Json body = asking(tenant);
    body["plan"] = "gold";
    REQUIRE(rejected_fields(client.post(path, body)) == Fields{"plan"});
  });
}

TEST_CASE("catalog_request: a note has 1 to 4,096 characters") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  Json body = asking(tenant);
  for (const Json& note : {Json(""), Json(std::string(4097, 'n')), Json(7)}) {
    body["note"] = note;
    REQUIRE(rejected_fields(client.post(kRequest, body)) == std::vector<std::string>{"note"});
  }
  body["note"] = std::string(4096, 'n');
  REQUIRE(client.post(kRequest, body).status == 202);
}

}  // namespace registry::test
