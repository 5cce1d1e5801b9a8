#include "tests/integration/integration.h"

namespace registry::test {
namespace {

const std::vector<std::string> kTenantMembers = {"id",
                                                 "slug",
                                                 "name",
                                                 "status",
                                                 "kind",
                                                 "plan",
                                                 "products",
                                                 "erp_customer_id",
                                                 "stripe_cust_id",
                                                 "trial_ends_at",
                                                 "contract_start",
                                                 "contract_end",
                                                 "sales_owner",
                                                 "created_at",
                                                 "updated_at"};

std::vector<std::string> member_order(const std::string& body) {
  std::vector<std::string> names;
  const auto document = nlohmann::ordered_json::parse(body);
  for (const auto& [name, value] : document.items()) {
    names.push_back(name);
  }
  return names;
}

Json valid_tenant() {
  return {{"slug", unique_name("create")}, {"name", "Create Ltd."}};
}

}  // namespace

TEST_CASE("tenant_create: 201 with the tenant in trial, a Location and an audit entry") {
  HttpClient client = shared_service().client();
  const std::string slug = unique_name("create");
  const HttpResponse response = client.post("/v1/tenants", {{"slug", slug}, {"name", "Société é"}});
  REQUIRE(response.status == 201);
  REQUIRE(response.header("content-type") == "application/json");
  REQUIRE(member_order(response.body) == kTenantMembers);
  const Json tenant = response.json();
  REQUIRE(response.header("location") == "/v1/tenants/" + tenant.at("id").get<std::string>());
  REQUIRE(tenant.at("slug") == slug);
  REQUIRE(tenant.at("name") == "Société é");
  REQUIRE(tenant.at("status") == "trial");
  REQUIRE(tenant.at("kind") == "customer");
  REQUIRE(tenant.at("plan") == "starter");
  REQUIRE(tenant.at("products") == Json::array());
  REQUIRE(tenant.at("sales_owner").is_null());
  const auto created = Timestamp::parse(tenant.at("created_at").get<std::string>());
  REQUIRE(tenant.at("trial_ends_at") == add_days(created.value(), 14).to_string());
  REQUIRE(tenant.at("updated_at") == tenant.at("created_at"));
  REQUIRE(audit_actions(tenant) == std::vector<std::string>{"tenant.create"});
}

TEST_CASE("tenant_create: the audit entry says who, from where and what") {
  HttpClient client = shared_service().client();
  const Json body = valid_tenant();
  const HttpResponse response = client.send({.method = "POST",
                                             .path = "/v1/tenants",
                                             .body = body.dump(),
                                             .headers = {"User-Agent: portal/1.0 \xff"}});
  REQUIRE(response.status == 201);
  const auto trail = shared_database().audit_trail(id_of(response.json()));
  REQUIRE(trail.size() == 1);
  const NewAuditEvent& event = trail.front().event;
  REQUIRE(event.actor_id == "system");
  REQUIRE(event.actor_type == "system");
  REQUIRE(event.source_ip == "127.0.0.1");
  REQUIRE(event.user_agent == "portal/1.0 ?");
  REQUIRE(event.target_type == "tenant");
  REQUIRE(event.target_id == response.json().at("id").get<std::string>());
  REQUIRE(event.target_name == body.at("slug").get<std::string>());
  REQUIRE(Json::parse(event.metadata_json).at("to") == "trial");
}

TEST_CASE("tenant_create: a demo tenant starts in demo, without a trial") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client, {{"kind", "demo"}});
  REQUIRE(tenant.at("status") == "demo");
  REQUIRE(tenant.at("trial_ends_at").is_null());
}

TEST_CASE("tenant_create: what one function writes, the others read") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client, {{"plan", "pro.v2"}, {"sales_owner", "jane"}});
  const std::string id = tenant.at("id");
  REQUIRE(client.get("/v1/tenants/" + id).json() == tenant);
  REQUIRE(client.get("/v1/tenants/by-slug/" + tenant.at("slug").get<std::string>()).json() ==
          tenant);
  REQUIRE(client.get("/v1/entitlements?tenant_id=" + id).json() ==
          Json{{"tenant_id", id}, {"entitlements", Json::array()}});
}

TEST_CASE("tenant_create: a taken slug is 409 slug_taken and writes nothing") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const RowCounts before = shared_database().row_counts();
  require_problem(client.post("/v1/tenants", {{"slug", tenant.at("slug")}, {"name", "Other"}}), 409,
                  "slug_taken");
  REQUIRE(shared_database().row_counts() == before);
}

TEST_CASE("tenant_create: repeating an id with the same attributes is 200 and writes nothing") {
  HttpClient client = shared_service().client();
  const Json body = {{"id", unique_uuid()},
                     {"slug", unique_name("replay")},
                     {"name", "Replay"},
                     {"sales_owner", "jane"}};
  const HttpResponse first = client.post("/v1/tenants", body);
  REQUIRE(first.status == 201);
  REQUIRE(first.json().at("id") == body.at("id"));
  const RowCounts before = shared_database().row_counts();
  const HttpResponse second = client.post("/v1/tenants", body);
  REQUIRE(second.status == 200);
  REQUIRE(second.body == first.body);
  REQUIRE(shared_database().row_counts() == before);

  SECTION("and with other attributes it is 409 conflict") {
    const auto [member, value] =
        GENERATE(table<std::string, std::string>({{"name", "Other"},
                                                  {"plan", "other"},
                                                  {"kind", "demo"},
                                                  {"sales_owner", "joe"},
                                                  {"slug", "replay-with-another-slug"}}));
    Json changed = body;
    changed[member] = value;
    require_problem(client.post("/v1/tenants", changed), 409, "conflict");
  }
}

TEST_CASE("tenant_create: each bad member is 400 and named, and nothing is written") {
  HttpClient client = shared_service().client();
  const auto [member, value] = GENERATE(table<std::string, Json>({
      {"slug", "ab"},
      {"slug", std::string(41, 'a')},
      {"slug", "-abc"},
      {"slug", "abc-"},
      {"slug", "aBc"},
      {"slug", "a_c"},
      {"slug", 7},
      {"slug", nullptr},
      {"name", ""},
      {"name", " "},
      {"name", " padded"},
      {"name", "padded\n"},
      {"name", "\u00a0"},
      {"name", std::string(256, 'x')},
      {"name", Json::array()},
      {"plan", ""},
      {"plan", "Pro"},
      {"plan", std::string(65, 'p')},
      {"kind", "partner"},
      {"kind", true},
      {"sales_owner", ""},
      {"sales_owner", std::string(256, 'x')},
      {"id", "not-a-uuid"},
      {"id", "00000000000000000000000000000001"},
      {"surprise", 1},
  }));
  CAPTURE(member, value);
  Json body = valid_tenant();
  body[member] = value;
  const RowCounts before = shared_database().row_counts();
  REQUIRE(rejected_fields(client.post("/v1/tenants", body)) == std::vector<std::string>{member});
  REQUIRE(shared_database().row_counts() == before);
}

TEST_CASE("tenant_create: values at their limits are accepted") {
  HttpClient client = shared_service().client();
  std::string wide_name;
  for (int i = 0; i < 255; ++i) wide_name += "\u00e9";
  const Json tenant = make_tenant(client, {{"name", wide_name},
                                           {"plan", std::string(64, 'p')},
                                           {"sales_owner", std::string(255, 'x')},
                                           {"kind", nullptr}});
  REQUIRE(tenant.at("name") == wide_name);
  REQUIRE(tenant.at("kind") == "customer");
}

TEST_CASE("tenant_create: all bad members are named at once") {
  HttpClient client = shared_service().client();
  const HttpResponse response =
      client.post("/v1/tenants", {{"slug", "X"}, {"plan", "Y"}, {"extra", 1}, {"id", 2}});
  REQUIRE(rejected_fields(response) ==
          std::vector<std::string>{"id", "slug", "name", "plan", "extra"});
}

TEST_CASE("tenant_create: a body that is no JSON object is 400") {
  HttpClient client = shared_service().client();
  const std::string body =
      GENERATE(as<std::string>{}, "", "{", "[]", "null", "\"text\"", "{\"slug\":\"abc\"",
               "{slug:1}", R"({"slug":"abc","slug":"abd","name":"x"})",
               R"({"slug":"a\u0000c","name":"x"})", R"({"slug":"abc","name":"\ud800"})",
               R"({"slug":"abc","name":"\udc00"})", "{\"slug\":\"abc\",\"name\":\"\xff\"}",
               "{\"slug\":\"abc\",\"name\":\"x\"}x", R"({"slug":"abc","name":"x"},)");
  CAPTURE(body);
  require_problem(client.send({.method = "POST", .path = "/v1/tenants", .body = body}), 400,
                  "invalid_request");
}

TEST_CASE("tenant_create: a NUL byte after the document is 400") {
  HttpClient client = shared_service().client();
  std::string body = valid_tenant().dump();
  body.push_back('\0');
  require_problem(client.send({.method = "POST", .path = "/v1/tenants", .body = body}), 400,
                  "invalid_request");
}

TEST_CASE("tenant_create: nesting without end is 400, not a crash") {
  HttpClient client = shared_service().client();
  const std::string body(60'000, GENERATE('[', '{'));
  require_problem(client.send({.method = "POST", .path = "/v1/tenants", .body = body}), 400,
                  "invalid_request");
}

TEST_CASE("tenant_create: a body over the limit is 413, one at the limit is read") {
  HttpClient client = shared_service().client();
  const std::string at_limit(65'536, ' ');
  require_problem(client.send({.method = "POST", .path = "/v1/tenants", .body = at_limit}), 400,
                  "invalid_request");
  require_problem(client.send({.method = "POST", .path = "/v1/tenants", .body = at_limit + " "}),
                  413, "too_large");
  require_problem(
      client.send({.method = "POST", .path = "/v1/tenants", .body = std::string(3'000'000, 'x')}),
      413, "too_large");
}

TEST_CASE("tenant_create: a body that is not JSON is 415") {
  HttpClient client = shared_service().client();
  const std::string type =
      GENERATE(as<std::string>{}, "text/plain", "application/x-www-form-urlencoded",
               "application/json; charset=iso-8859-1", "application/jsonx");
  CAPTURE(type);
  require_problem(client.send({.method = "POST",
                               .path = "/v1/tenants",
                               .body = valid_tenant().dump(),
                               .headers = {"Content-Type: " + type}}),
                  415, "unsupported_media_type");
}

TEST_CASE("tenant_create: the charset of JSON may be spelled out") {
  HttpClient client = shared_service().client();
  const HttpResponse response =
      client.send({.method = "POST",
                   .path = "/v1/tenants",
                   .body = valid_tenant().dump(),
                   .headers = {"Content-Type: Application/JSON; charset=UTF-8"}});
  REQUIRE(response.status == 201);
}

}  // namespace registry::test
