#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/guarded_service.h"

// What the matrix of rights does not show: whose tenants an organization claim means, what bounds a
// key and a service, and who is named in the audit trail.
namespace registry::test {
namespace {

std::string path_of(const Json& tenant) {
  return "/v1/tenants/" + id_text(tenant);
}

int status_for(const HttpRequest& request, const Json& claims) {
  return shared_guarded_service().send(request, claims).status;
}

bool may_see(const Json& tenant, const Json& organization) {
  const int by_id = status_for({.path = path_of(tenant)}, member_of(organization));
  const int by_slug =
      status_for({.path = "/v1/tenants/by-slug/" + tenant.at("slug").get<std::string>()},
                 member_of(organization));
  REQUIRE(by_id == by_slug);
  REQUIRE((by_id == 200 || by_id == 404));
  return by_id == 200;
}

HttpResponse send_key(HttpRequest request, const Json& key) {
  return shared_guarded_service().send_with(std::move(request),
                                            "Bearer " + key.at("key").get<std::string>());
}

HttpRequest event_request(const Json& event) {
  return {.method = "POST", .path = "/v1/audit", .body = event.dump()};
}

std::vector<AuditEvent> trail_of(const Json& tenant) {
  return guarded_database().audit_trail(id_of(tenant));
}

Json make_product_tenant() {
  const Json tenant = make_guarded_tenant();
  for (const char* product : {"certifai", "compliance"}) {
    const HttpResponse response = shared_guarded_service().post(
        "/v1/catalog/trial-request", {{"tenant_id", tenant.at("id")}, {"product", product}},
        administrator());
    REQUIRE(response.status == 201);
  }
  return tenant;
}

std::vector<std::string> listed_products(const HttpResponse& response) {
  CAPTURE(response.body);
  REQUIRE(response.status == 200);
  std::vector<std::string> products;
  const Json list = response.json();
  for (const Json& entitlement : list.at("entitlements")) {
    products.push_back(entitlement.at("product"));
  }
  return products;
}

TEST_CASE("access: an organization is told in any of Keycloak's four shapes") {
  const Json tenant = make_guarded_tenant();
  const Json other = make_guarded_tenant();
  const std::string slug = tenant.at("slug");
  for (const Json& organization :
       {Json::array({slug}), Json(slug), Json{{slug, Json::object()}},
        Json{{slug, {{"id", tenant.at("id")}}}}, Json{{"renamed", {{"id", tenant.at("id")}}}},
        Json{{slug, {{"id", tenant.at("id")}, {"tier", {"gold"}}}}}}) {
    CAPTURE(organization.dump());
    REQUIRE(may_see(tenant, organization));
    REQUIRE_FALSE(may_see(other, organization));
  }
}

TEST_CASE("access: where an organization has an id, its alias means nothing") {
  const Json tenant = make_guarded_tenant();
  const Json other = make_guarded_tenant();
  const Json organization = {{tenant.at("slug"), {{"id", other.at("id")}}}};
  REQUIRE_FALSE(may_see(tenant, organization));
  REQUIRE(may_see(other, organization));
  REQUIRE(status_for({.path = path_of(tenant)},
                     member_of({{tenant.at("slug"), {{"id", "no uuid"}}}})) == 403);
}

TEST_CASE("access: an alias that looks like an id is no id") {
  const Json victim = make_guarded_tenant();
  REQUIRE_FALSE(may_see(victim, Json::array({id_text(victim)})));
  REQUIRE_FALSE(may_see(victim, Json{{id_text(victim), Json::object()}}));
  // And an id that is the slug of another tenant does not mean that one.
  const std::string id = unique_uuid();
  const HttpResponse named_like_id = shared_guarded_service().post(
      "/v1/tenants", {{"slug", id}, {"name", "Named like an id"}}, administrator());
  REQUIRE(named_like_id.status == 201);
  REQUIRE_FALSE(may_see(named_like_id.json(), Json{{"x", {{"id", id}}}}));
  REQUIRE(may_see(named_like_id.json(), Json::array({id})));
}

TEST_CASE("access: several organizations are a set, of which none is picked") {
  const Json first = make_guarded_tenant();
  const Json second = make_guarded_tenant();
  const Json third = make_guarded_tenant();
  const Json both = {{first.at("slug"), {{"id", first.at("id")}}},
                     {second.at("slug"), Json::object()}};
  REQUIRE(may_see(first, both));
  REQUIRE(may_see(second, both));
  REQUIRE_FALSE(may_see(third, both));
  const HttpResponse whole = shared_guarded_service().send({.path = "/v1/audit"}, member_of(both));
  require_problem(whole, 403, "forbidden");
  const HttpResponse key =
      shared_guarded_service().post("/v1/api-keys", {{"name", "Whose?"}}, manager_of(both));
  REQUIRE(rejected_fields(key) == Fields{"tenant_id"});
}

TEST_CASE("access: roles count of the realm and of this service, not of other clients") {
  const Json tenant = make_guarded_tenant();
  const Json roles = {{"roles", {"registry-admin"}}};
  const HttpRequest request{.path = path_of(tenant)};
  REQUIRE(status_for(request, {{"realm_access", roles}}) == 200);
  REQUIRE(status_for(request, {{"resource_access", {{"tenant-registry", roles}}}}) == 200);
  REQUIRE(status_for(request, {{"resource_access", {{"account", roles}}}}) == 403);
  REQUIRE(status_for(request, {{"roles", {"registry-admin"}}}) == 403);
  REQUIRE(status_for(request, {{"realm_access", {{"roles", {"Registry-Admin"}}}}}) == 403);
  REQUIRE(status_for(request, {{"scope", "registry-admin"}}) == 403);
}

TEST_CASE("access: a member is told nothing by a request that is wrong in itself") {
  // Whoever may not call learns that alone; whoever may learns what is wrong.
  const HttpRequest bad{.method = "POST", .path = "/v1/tenants", .body = "{"};
  require_problem(shared_guarded_service().send_with(bad, ""), 401, "unauthenticated");
  require_problem(shared_guarded_service().send(bad, member_of("acme")), 403, "forbidden");
  require_problem(shared_guarded_service().send(bad, administrator()), 400, "invalid_request");
}

TEST_CASE("access: the log names whoever is known, also who was refused") {
  GuardedService& service = shared_guarded_service();
  const Json tenant = make_guarded_tenant();
  const Json key = make_guarded_key(tenant, {{"scopes", {"audit"}}});
  const std::string id = unique_name("refused");
  const HttpRequest event = {.method = "POST",
                             .path = "/v1/audit",
                             .body = R"({"action":"x"})",
                             .headers = {"X-Request-Id: " + id}};
  REQUIRE(send_key(event, key).status == 403);
  HttpRequest create = event;
  create.path = "/v1/tenants";
  Json somebody = member_of("acme");
  somebody["sub"] = "somebody-known";
  REQUIRE(service.send(create, somebody).status == 403);
  const auto line_of = [&](const std::string& function) {
    std::istringstream lines(service.service().log_of(function));
    for (std::string line; std::getline(lines, line);) {
      if (line.find("\"request_id\":\"" + id + "\"") != std::string::npos) return Json::parse(line);
    }
    return Json(Json::object());
  };
  REQUIRE(line_of("audit_append").value("principal", "") == key.at("id").get<std::string>());
  REQUIRE(line_of("audit_append").value("tenant", "") == tenant.at("id").get<std::string>());
  REQUIRE(line_of("tenant_create").value("principal", "") == "somebody-known");
}

TEST_CASE("access: HEAD needs what GET needs") {
  const Json tenant = make_guarded_tenant();
  const HttpRequest head{.method = "HEAD", .path = path_of(tenant)};
  REQUIRE(shared_guarded_service().send_with(head, "").status == 401);
  REQUIRE(status_for(head, Json::object()) == 403);
  REQUIRE(status_for(head, administrator()) == 200);
}

TEST_CASE("access: no header but Authorization says who calls") {
  const Json tenant = make_guarded_tenant();
  HttpRequest request{.path = path_of(tenant)};
  const std::string token = shared_guarded_service().issuer().token(administrator());
  request.headers = {"X-Forwarded-User: admin",
                     "X-Forwarded-Access-Token: " + token,
                     "HTTP_AUTHORIZATION: Bearer " + token,
                     "Proxy-Authorization: Bearer " + token,
                     "Cookie: access_token=" + token,
                     "X-Roles: registry-admin"};
  require_problem(shared_guarded_service().send_with(request, ""), 401, "unauthenticated");
  request.path += "?access_token=" + token;
  require_problem(shared_guarded_service().send_with(request, ""), 401, "unauthenticated");
}

TEST_CASE("access: a service reads of the trail what its own product did") {
  const Json tenant = make_guarded_tenant();
  for (const char* product : {"certifai", "compliance"}) {
    const Json event = {{"action", "login"}, {"product", product}, {"tenant_id", tenant.at("id")}};
    REQUIRE(shared_guarded_service().send(event_request(event), service_of(product)).status == 201);
  }
  const std::string trail = "/v1/audit?tenant_id=" + id_text(tenant);
  const auto products_seen = [&](const std::string& query, const Json& claims) {
    const HttpResponse response = shared_guarded_service().send({.path = trail + query}, claims);
    REQUIRE(response.status == 200);
    std::set<std::string> seen;
    const Json page = response.json();
    for (const Json& event : page.at("events")) seen.insert(event.at("product").dump());
    return seen;
  };
  const std::set<std::string> certifai = {"\"certifai\""};
  REQUIRE(products_seen("", service_of("certifai")) == certifai);
  REQUIRE(products_seen("&product=certifai", service_of("certifai")) == certifai);
  require_problem(shared_guarded_service().send({.path = trail + "&product=compliance"},
                                                service_of("certifai")),
                  403, "forbidden");
  REQUIRE(products_seen("", administrator()).size() == 3);
  const Json organization = {{"x", {{"id", tenant.at("id")}}}};
  REQUIRE(products_seen("", member_of(organization)).size() == 3);
}

TEST_CASE("access: a key is presented in any of three ways") {
  const Json tenant = make_guarded_tenant();
  const Json key = make_guarded_key(tenant, {{"scopes", {"audit:write"}}});
  const std::string text = key.at("key");
  for (const std::string& authorization :
       {"Bearer " + text, "token=" + text, "Token token=" + text, "bearer " + text}) {
    CAPTURE(authorization.substr(0, 14));
    REQUIRE(shared_guarded_service()
                .send_with(event_request({{"action", "key.used"}}), authorization)
                .status == 201);
  }
  REQUIRE(
      shared_guarded_service().send_with(event_request({{"action", "key.used"}}), text).status ==
      401);
}

TEST_CASE("access: what is no valid key is 401, a key without the scope 403") {
  const Json tenant = make_guarded_tenant();
  const Json revoked = make_guarded_key(tenant, {{"scopes", {"audit:write"}}});
  REQUIRE(
      shared_guarded_service()
          .send({.method = "DELETE", .path = "/v1/api-keys/" + revoked.at("id").get<std::string>()},
                administrator())
          .status == 204);
  require_problem(send_key(event_request({{"action", "x"}}), revoked), 401, "unauthenticated");
  for (const char* text : {"bp_AAAAAAAAAAAAAAAAAAAAAA", "bp_short", "bp_"}) {
    CAPTURE(text);
    require_problem(send_key(event_request({{"action", "x"}}), {{"key", text}}), 401,
                    "unauthenticated");
  }
  const Json other = make_guarded_key(tenant, {{"name", "Other"}, {"scopes", {"audit"}}});
  require_problem(send_key(event_request({{"action", "x"}}), other), 403, "forbidden");
}

TEST_CASE("access: a key of an archived tenant opens nothing") {
  const Json tenant = make_guarded_tenant();
  const Json key = make_guarded_key(tenant, {{"scopes", {"audit:write"}}});
  guarded_database().set_status(id_of(tenant), TenantStatus::kArchived);
  require_problem(send_key(event_request({{"action", "x"}}), key), 401, "unauthenticated");
}

TEST_CASE("access: with a key an event is its tenant's") {
  const Json tenant = make_guarded_tenant();
  const Json other = make_guarded_tenant();
  const Json key = make_guarded_key(tenant, {{"scopes", {"audit:write"}}});
  REQUIRE(send_key(event_request({{"action", "unnamed"}}), key).status == 201);
  REQUIRE(
      send_key(event_request({{"action", "named"}, {"tenant_id", tenant.at("id")}}), key).status ==
      201);
  REQUIRE(
      send_key(event_request({{"action", "group"}, {"group", {{"id", tenant.at("slug")}}}}), key)
          .status == 201);
  std::vector<std::string> actions;
  for (const AuditEvent& event : trail_of(tenant)) actions.push_back(event.event.action);
  REQUIRE(actions ==
          std::vector<std::string>{"tenant.create", "api_key.create", "unnamed", "named", "group"});
  const auto before = guarded_database().row_counts();
  const Json foreign = {{"action", "foreign"}, {"tenant_id", other.at("id")}};
  const Json foreign_group = {{"action", "foreign"}, {"group", {{"id", other.at("slug")}}}};
  REQUIRE(rejected_fields(send_key(event_request(foreign), key)) == Fields{"tenant_id"});
  REQUIRE(rejected_fields(send_key(event_request(foreign_group), key)) == Fields{"group.id"});
  REQUIRE(rejected_fields(send_key(event_request(Json::array({{{"action", "own"}}, foreign})),
                                   key)) == Fields{"[1].tenant_id"});
  REQUIRE(guarded_database().row_counts() == before);
}

TEST_CASE("access: with a key of a product an event is that product's") {
  const Json tenant = make_guarded_tenant();
  const Json key = make_guarded_key(tenant, {{"scopes", {"audit:write"}}, {"product", "certifai"}});
  REQUIRE(send_key(event_request({{"action", "unnamed"}}), key).status == 201);
  REQUIRE(trail_of(tenant).back().event.product == "certifai");
  REQUIRE(send_key(event_request({{"action", "named"}, {"product", "certifai"}}), key).status ==
          201);
  require_problem(send_key(event_request({{"action", "other"}, {"product", "compliance"}}), key),
                  403, "forbidden");
  REQUIRE(trail_of(tenant).back().event.action == "named");
}

TEST_CASE("access: with a key the entitlements of its tenant and product are listed") {
  const Json tenant = make_product_tenant();
  const Json other = make_product_tenant();
  const HttpRequest list{.path = "/v1/entitlements?tenant_id=" + id_text(tenant)};
  const Json scopes = Json::array({"entitlements:read"});
  const Json key = make_guarded_key(tenant, {{"scopes", scopes}});
  REQUIRE(listed_products(send_key(list, key)) ==
          std::vector<std::string>{"certifai", "compliance"});
  require_problem(send_key({.path = "/v1/entitlements?tenant_id=" + id_text(other)}, key), 404,
                  "not_found");
  const Json of_product = make_guarded_key(
      tenant, {{"name", "Of a product"}, {"scopes", scopes}, {"product", "compliance"}});
  REQUIRE(listed_products(send_key(list, of_product)) == std::vector<std::string>{"compliance"});
  REQUIRE(listed_products(send_key({.path = list.path + "&product=compliance"}, of_product)) ==
          std::vector<std::string>{"compliance"});
  require_problem(send_key({.path = list.path + "&product=certifai"}, of_product), 403,
                  "forbidden");
}

TEST_CASE("access: the trail names who made a change") {
  const std::string id = unique_uuid();
  const Json body = {{"id", id}, {"slug", unique_name("actor")}, {"name", "Actor"}};
  Json claims = administrator();
  claims["sub"] = "4f1c4f2e-admin";
  claims["preferred_username"] = "jane.doe";
  REQUIRE(shared_guarded_service().post("/v1/tenants", body, claims).status == 201);
  const AuditEvent entry = trail_of(body).front();
  REQUIRE(entry.event.actor_id == "4f1c4f2e-admin");
  REQUIRE(entry.event.actor_name == "jane.doe");
  REQUIRE(entry.event.actor_type == "user");
  REQUIRE(entry.event.source_ip == "127.0.0.1");
}

}  // namespace
}  // namespace registry::test
