#include "tests/integration/integration.h"

namespace registry::test {
namespace {

struct Row {
  TenantStatus from;
  std::string transition;
  int status;
  std::string to;  // the status afterwards
  bool writes;
};

// The state machine of the API, row by row.
const std::vector<Row> kStateMachine = {
    {TenantStatus::kTrial, "activate", 200, "active", true},
    {TenantStatus::kTrial, "cancel", 200, "frozen", true},
    {TenantStatus::kActive, "activate", 200, "active", false},
    {TenantStatus::kActive, "cancel", 200, "frozen", true},
    {TenantStatus::kFrozen, "activate", 200, "active", true},
    {TenantStatus::kFrozen, "cancel", 200, "frozen", false},
    {TenantStatus::kDemo, "activate", 409, "demo", false},
    {TenantStatus::kDemo, "cancel", 409, "demo", false},
    {TenantStatus::kArchived, "activate", 409, "archived", false},
    {TenantStatus::kArchived, "cancel", 409, "archived", false},
};

std::string path_of(const Json& tenant) {
  return "/v1/tenants/" + tenant.at("id").get<std::string>();
}

Json last_metadata(const Json& tenant) {
  return Json::parse(shared_database().audit_trail(id_of(tenant)).back().event.metadata_json);
}

std::string today() {
  return utc_date(SystemClock().now()).to_string();
}

}  // namespace

TEST_CASE("state machine: every row answers, writes and audits as specified") {
  HttpClient client = shared_service().client();
  for (const Row& row : kStateMachine) {
    CAPTURE(to_string(row.from), row.transition);
    const Json tenant = make_tenant_in(client, row.from);
    REQUIRE(tenant.at("status") == to_string(row.from));
    const RowCounts before = shared_database().row_counts();
    const HttpResponse response = client.post(path_of(tenant) + "/" + row.transition);
    REQUIRE(response.status == row.status);
    const Json after = client.get(path_of(tenant)).json();
    REQUIRE(after.at("status") == row.to);
    if (row.status == 200) {
      REQUIRE(response.json() == after);
    } else {
      require_problem(response, 409, "invalid_transition");
      REQUIRE(response.json().at("tenant_status") == row.to);
    }
    const auto events = shared_database().row_counts().audit_events - before.audit_events;
    REQUIRE(events == (row.writes ? 1 : 0));
    if (row.writes) {
      REQUIRE(audit_actions(tenant).back() == "tenant." + row.transition);
      REQUIRE(last_metadata(tenant).at("from") == to_string(row.from));
      REQUIRE(last_metadata(tenant).at("to") == row.to);
    } else {
      REQUIRE(after == tenant);
    }
  }
}

TEST_CASE("tenant_activate: the body sets plan, contract and customer ids") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json body = {{"plan", "professional"},
                     {"contract_start", "2026-01-01"},
                     {"contract_end", "2028-02-29"},
                     {"erp_customer_id", unique_name("erp")},
                     {"stripe_cust_id", unique_name("cus")}};
  const HttpResponse response = client.post(path_of(tenant) + "/activate", body);
  REQUIRE(response.status == 200);
  for (const auto& [name, value] : body.items()) REQUIRE(response.json().at(name) == value);
  REQUIRE(last_metadata(tenant).at("changes").at("plan") ==
          Json{{"from", "starter"}, {"to", "professional"}});

  SECTION("and repeating it writes nothing") {
    const RowCounts before = shared_database().row_counts();
    const HttpResponse again = client.post(path_of(tenant) + "/activate", body);
    REQUIRE(again.status == 200);
    REQUIRE(again.body == response.body);
    REQUIRE(shared_database().row_counts() == before);
  }
  SECTION("and an active tenant's change is written and audited") {
    const HttpResponse changed = client.post(path_of(tenant) + "/activate", {{"plan", "gold"}});
    REQUIRE(changed.json().at("plan") == "gold");
    REQUIRE(changed.json().at("contract_end") == "2028-02-29");
    REQUIRE(audit_actions(tenant) ==
            std::vector<std::string>{"tenant.create", "tenant.activate", "tenant.activate"});
  }
  SECTION("and a contract_end before the stored contract_start is 400") {
    REQUIRE(rejected_fields(
                client.post(path_of(tenant) + "/activate", {{"contract_end", "2025-12-31"}})) ==
            std::vector<std::string>{"contract_end"});
  }
}

TEST_CASE("tenant_activate: an erp or stripe id of another tenant is 409 conflict") {
  HttpClient client = shared_service().client();
  const std::string member = GENERATE(as<std::string>{}, "erp_customer_id", "stripe_cust_id");
  const Json body = {{member, unique_name("taken")}};
  REQUIRE(client.post(path_of(make_tenant(client)) + "/activate", body).status == 200);
  const Json other = make_tenant(client);
  const RowCounts before = shared_database().row_counts();
  require_problem(client.post(path_of(other) + "/activate", body), 409, "conflict");
  REQUIRE(client.get(path_of(other)).json() == other);
  REQUIRE(shared_database().row_counts() == before);
}

TEST_CASE("tenant_activate: each bad member is 400 and named, and nothing is written") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const auto [body, fields] = GENERATE(table<Json, std::vector<std::string>>({
      {{{"plan", "UPPER"}}, {"plan"}},
      {{{"contract_start", "2026-02-30"}}, {"contract_start"}},
      {{{"contract_start", "2026-2-3"}}, {"contract_start"}},
      {{{"contract_end", "tomorrow"}}, {"contract_end"}},
      {{{"contract_end", 20260101}}, {"contract_end"}},
      {{{"contract_start", "2026-02-02"}, {"contract_end", "2026-02-01"}}, {"contract_end"}},
      {{{"erp_customer_id", ""}}, {"erp_customer_id"}},
      {{{"stripe_cust_id", std::string(256, 'c')}}, {"stripe_cust_id"}},
      {{{"status", "active"}}, {"status"}},
  }));
  CAPTURE(body);
  REQUIRE(rejected_fields(client.post(path_of(tenant) + "/activate", body)) == fields);
  REQUIRE(client.get(path_of(tenant)).json() == tenant);
}

TEST_CASE("tenant_activate: a body that contradicts itself is 400, whatever the tenant") {
  HttpClient client = shared_service().client();
  const Json body = {{"contract_start", "2026-02-02"}, {"contract_end", "2026-02-01"}};
  const std::vector<std::string> fields = {"contract_end"};
  const Json demo = make_tenant_in(client, TenantStatus::kDemo);
  REQUIRE(rejected_fields(client.post(path_of(demo) + "/activate", body)) == fields);
  REQUIRE(rejected_fields(client.post("/v1/tenants/" + unique_uuid() + "/activate", body)) ==
          fields);
}

TEST_CASE("tenant_cancel: keeps the reason in the audit trail and ends the contract today") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant_in(client, TenantStatus::kActive);
  const HttpResponse response = client.post(path_of(tenant) + "/cancel", {{"reason", "bankrupt"}});
  REQUIRE(response.json().at("contract_end") == today());
  REQUIRE(last_metadata(tenant).at("reason") == "bankrupt");
}

TEST_CASE("tenant_cancel: a contract that has ended keeps its end, a later end becomes today") {
  HttpClient client = shared_service().client();
  const Json past = make_tenant(client);
  REQUIRE(client.post(path_of(past) + "/activate", {{"contract_end", "2020-01-31"}}).status == 200);
  REQUIRE(client.post(path_of(past) + "/cancel").json().at("contract_end") == "2020-01-31");
  const Json future = make_tenant(client);
  REQUIRE(client.post(path_of(future) + "/activate", {{"contract_end", "9999-12-31"}}).status ==
          200);
  REQUIRE(client.post(path_of(future) + "/cancel").json().at("contract_end") == today());
}

TEST_CASE("tenant_cancel: a bad reason or an unknown member is 400") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::vector<std::string> reason = {"reason"};
  REQUIRE(rejected_fields(client.post(path_of(tenant) + "/cancel", {{"reason", ""}})) == reason);
  REQUIRE(rejected_fields(client.post(path_of(tenant) + "/cancel",
                                      {{"reason", std::string(4097, 'r')}})) == reason);
  REQUIRE(rejected_fields(client.post(path_of(tenant) + "/cancel", {{"note", "x"}})) ==
          std::vector<std::string>{"note"});
  REQUIRE(client.get(path_of(tenant)).json() == tenant);
}

TEST_CASE("transitions: an unknown tenant is 404, also when the path id is no UUID") {
  HttpClient client = shared_service().client();
  const std::string id =
      GENERATE(as<std::string>{}, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "not-a-uuid");
  const std::string transition = GENERATE(as<std::string>{}, "activate", "cancel");
  require_problem(client.post("/v1/tenants/" + id + "/" + transition), 404, "not_found");
}

TEST_CASE("transitions: a body that is not JSON is 415") {
  HttpClient client = shared_service().client();
  const std::string transition = GENERATE(as<std::string>{}, "activate", "cancel");
  const std::string path = "/v1/tenants/00000000-0000-0000-0000-000000000001/" + transition;
  const HttpRequest request{
      .method = "POST", .path = path, .body = "{}", .headers = {"Content-Type: text/plain"}};
  require_problem(client.send(request), 415, "unsupported_media_type");
}

}  // namespace registry::test
