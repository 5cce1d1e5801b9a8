#include "tests/integration/integration.h"

namespace registry::test {
namespace {

constexpr const char* kKeys = "/v1/api-keys";
constexpr const char* kVerify = "/v1/internal/api-keys/verify";
// Of the right form, and nobody's.
constexpr const char* kForeignKey = "bp_AAAAAAAAAAAAAAAAAAAAAA";

// A new key, as POST /v1/api-keys answered; `attributes` replace the defaults.
Json make_key(HttpClient& client, const Json& tenant, const Json& attributes = Json::object()) {
  Json body = {{"tenant_id", tenant.at("id")}, {"name", unique_name("key")}};
  body.update(attributes);
  const HttpResponse response = client.post(kKeys, body);
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

HttpResponse revoke(HttpClient& client, const Json& key) {
  return client.send(
      {.method = "DELETE", .path = std::string(kKeys) + "/" + key.at("id").get<std::string>()});
}

Json verify(HttpClient& client, const Json& body) {
  const HttpResponse response = client.post(kVerify, body);
  CAPTURE(response.body);
  REQUIRE(response.status == 200);
  REQUIRE(response.header("cache-control") == "no-store");
  return response.json();
}

Json refusal(const std::string& code) {
  return {{"valid", false}, {"code", code}};
}

Json keys_of(HttpClient& client, const Json& tenant, const std::string& more = "") {
  return client.get(kKeys + ("?tenant_id=" + id_text(tenant)) + more).json().at("api_keys");
}

// What the list shows of a new key: all but the plaintext.
Json listed(Json key) {
  key.erase("key");
  return key;
}

}  // namespace

TEST_CASE("api_key_create: 201 with the plaintext, which no other answer has") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const HttpResponse response = client.post(kKeys, {{"tenant_id", tenant.at("id")},
                                                    {"name", "CI pipeline"},
                                                    {"product", "certifai"},
                                                    {"scopes", {"audit:write", "reports.*"}},
                                                    {"created_by", "jane"}});
  REQUIRE(response.status == 201);
  REQUIRE(response.header("cache-control") == "no-store");
  const Json key = response.json();
  const auto plaintext = key.at("key").get<std::string>();
  REQUIRE(plaintext.size() == 25);
  REQUIRE(plaintext.starts_with("bp_"));
  REQUIRE(key.at("prefix") == plaintext.substr(0, 11));
  REQUIRE(key.at("tenant_id") == tenant.at("id"));
  REQUIRE(key.at("name") == "CI pipeline");
  REQUIRE(key.at("product") == "certifai");
  REQUIRE(key.at("scopes") == Json{"audit:write", "reports.*"});
  REQUIRE(key.at("created_by") == "jane");
  REQUIRE(key.at("last_used_at").is_null());
  REQUIRE(key.at("revoked_at").is_null());
  REQUIRE_FALSE(key.contains("hash"));
  REQUIRE(keys_of(client, tenant) == Json::array({listed(key)}));

  const AuditEvent entry = shared_database().audit_trail(id_of(tenant)).back();
  REQUIRE(entry.event.action == "api_key.create");
  REQUIRE(entry.event.target_id == key.at("id").get<std::string>());
  REQUIRE(entry.event.target_name == "CI pipeline");
  REQUIRE(entry.event.metadata_json.find(plaintext) == std::string::npos);
  REQUIRE(entry.event.metadata_json.find("argon2id") == std::string::npos);
}

TEST_CASE("api_key_create: product, scopes and created_by may be left out") {
  HttpClient client = shared_service().client();
  const Json key = make_key(client, make_tenant(client));
  REQUIRE(key.at("product").is_null());
  REQUIRE(key.at("scopes") == Json::array());
  REQUIRE(key.at("created_by").is_null());
}

TEST_CASE("api_key_create: a name is taken once per tenant, also by a revoked key") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json key = make_key(client, tenant, {{"name", "deploy"}});
  const bool is_revoked = GENERATE(false, true);
  if (is_revoked) REQUIRE(revoke(client, key).status == 204);
  const RowCounts before = shared_database().row_counts();
  require_problem(client.post(kKeys, {{"tenant_id", tenant.at("id")}, {"name", "deploy"}}), 409,
                  "name_taken");
  REQUIRE(shared_database().row_counts() == before);
  REQUIRE(make_key(client, make_tenant(client), {{"name", "deploy"}}).at("name") == "deploy");
}

TEST_CASE("api_key_create: an unknown tenant is 404, a frozen or archived one 409") {
  HttpClient client = shared_service().client();
  const Json frozen = make_tenant_in(client, TenantStatus::kFrozen);
  const Json archived = make_tenant_in(client, TenantStatus::kArchived);
  const RowCounts before = shared_database().row_counts();
  require_problem(client.post(kKeys, {{"tenant_id", kNobody}, {"name", "k"}}), 404, "not_found");
  require_problem(client.post(kKeys, {{"tenant_id", frozen.at("id")}, {"name", "k"}}), 409,
                  "tenant_frozen");
  require_problem(client.post(kKeys, {{"tenant_id", archived.at("id")}, {"name", "k"}}), 409,
                  "tenant_archived");
  REQUIRE(shared_database().row_counts() == before);
}

TEST_CASE("api_key_create: each bad member is 400 and named, and nothing is written") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json scope_65(65, "s");
  const auto [member, value] = GENERATE_REF(table<std::string, Json>({
      {"tenant_id", "x"},
      {"tenant_id", nullptr},
      {"name", nullptr},
      {"name", ""},
      {"name", " padded"},
      {"name", std::string(256, 'n')},
      {"name", Json::array()},
      {"product", "Not A Product"},
      {"product", 7},
      {"scopes", "audit:write"},
      {"scopes", Json{"UPPER"}},
      {"scopes", Json{"ok", 7}},
      {"scopes", Json{std::string(129, 's')}},
      {"scopes", scope_65},
      {"created_by", ""},
      {"created_by", std::string(256, 'c')},
      {"hash", "argon2id|x|y"},
      {"key", kForeignKey},
  }));
  CAPTURE(member, value);
  Json body = {{"tenant_id", tenant.at("id")}, {"name", "k"}};
  body[member] = value;
  const RowCounts before = shared_database().row_counts();
  REQUIRE(rejected_fields(client.post(kKeys, body)) == std::vector<std::string>{member});
  REQUIRE(shared_database().row_counts() == before);
}

TEST_CASE("api_key_create: the longest name, scope, and list of scopes are accepted") {
  HttpClient client = shared_service().client();
  Json scopes = Json::array();
  for (int i = 0; i < 64; ++i) scopes.push_back(std::string(128, 's'));
  std::string name;
  for (int i = 0; i < 255; ++i) name += "\xF0\x9F\x94\x91";  // U+1F511, four bytes
  const Json key = make_key(client, make_tenant(client), {{"name", name}, {"scopes", scopes}});
  REQUIRE(key.at("name") == name);
  REQUIRE(key.at("scopes") == scopes);
}

TEST_CASE("api_key_list: oldest first, without revoked ones unless asked") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  REQUIRE(keys_of(client, tenant) == Json::array());
  const Json first = listed(make_key(client, tenant));
  const Json second = listed(make_key(client, tenant));
  const Json third = listed(make_key(client, tenant));
  REQUIRE(keys_of(client, tenant) == Json::array({first, second, third}));
  REQUIRE(revoke(client, second).status == 204);
  REQUIRE(keys_of(client, tenant) == Json::array({first, third}));
  REQUIRE(keys_of(client, tenant, "&include_revoked=false") == Json::array({first, third}));
  const Json all = keys_of(client, tenant, "&include_revoked=true");
  REQUIRE(all.size() == 3);
  REQUIRE(all[1].at("id") == second.at("id"));
  REQUIRE(Timestamp::parse(all[1].at("revoked_at").get<std::string>()));
}

TEST_CASE("api_key_list: an unknown tenant is 404, each bad parameter 400") {
  HttpClient client = shared_service().client();
  require_problem(client.get(std::string(kKeys) + "?tenant_id=" + kNobody), 404, "not_found");
  const auto rejected = [&](const std::string& query) {
    return rejected_fields(client.get(kKeys + query));
  };
  REQUIRE(rejected("") == Fields{"tenant_id"});
  REQUIRE(rejected("?tenant_id=x&include_revoked=yes") == Fields{"tenant_id", "include_revoked"});
  REQUIRE(rejected(std::string("?tenant_id=") + kNobody + "&limit=1") == Fields{"limit"});
}

TEST_CASE("api_key_revoke: 204 again and again; the first moment stays and is audited once") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json key = make_key(client, tenant);
  const HttpResponse first = revoke(client, key);
  REQUIRE(first.status == 204);
  REQUIRE(first.body.empty());
  const Json revoked_at = keys_of(client, tenant, "&include_revoked=true")[0].at("revoked_at");
  const RowCounts before = shared_database().row_counts();
  REQUIRE(revoke(client, key).status == 204);
  REQUIRE(shared_database().row_counts() == before);
  REQUIRE(keys_of(client, tenant, "&include_revoked=true")[0].at("revoked_at") == revoked_at);
  REQUIRE(audit_actions(tenant) ==
          std::vector<std::string>{"tenant.create", "api_key.create", "api_key.revoke"});
}

TEST_CASE("api_key_revoke: also of a frozen tenant") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json key = make_key(client, tenant);
  REQUIRE(client.post("/v1/tenants/" + id_text(tenant) + "/cancel").status == 200);
  REQUIRE(revoke(client, key).status == 204);
}

TEST_CASE("api_key_revoke: an unknown id is 404, also one that is no UUID; others 405") {
  HttpClient client = shared_service().client();
  require_problem(revoke(client, {{"id", kNobody}}), 404, "not_found");
  require_problem(revoke(client, {{"id", "not-a-uuid"}}), 404, "not_found");
  const HttpResponse response = client.get(std::string(kKeys) + "/" + kNobody);
  require_problem(response, 405, "method_not_allowed");
  REQUIRE(response.header("allow") == "DELETE");
}

TEST_CASE("api_key_verify: a valid key is told with its tenant") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json key = make_key(client, tenant, {{"scopes", {"a", "b"}}});
  const Json expected = {{"valid", true},
                         {"code", "VALID"},
                         {"key_id", key.at("id")},
                         {"tenant_id", tenant.at("id")},
                         {"tenant_slug", tenant.at("slug")},
                         {"tenant_status", "trial"},
                         {"product", nullptr},
                         {"name", key.at("name")},
                         {"scopes", {"a", "b"}},
                         {"prefix", key.at("prefix")}};
  REQUIRE(verify(client, {{"key", key.at("key")}}) == expected);
  REQUIRE(verify(client, {{"key", key.at("key")}, {"scopes", {"b"}}}) == expected);

  SECTION("and one of a frozen tenant, whose status says so") {
    REQUIRE(client.post("/v1/tenants/" + id_text(tenant) + "/cancel").status == 200);
    REQUIRE(verify(client, {{"key", key.at("key")}}).at("tenant_status") == "frozen");
  }
  SECTION("and the entitlement, null where there is none, when a product is named") {
    const Json body = {{"key", key.at("key")}, {"product", "certifai"}};
    REQUIRE(verify(client, body).at("entitlement").is_null());
    const Json trial = client
                           .post("/v1/catalog/trial-request",
                                 {{"tenant_id", tenant.at("id")}, {"product", "certifai"}})
                           .json();
    REQUIRE(verify(client, body).at("entitlement") == Json{{"product", "certifai"},
                                                           {"active", true},
                                                           {"config", Json::object()},
                                                           {"expires_at", trial.at("expires_at")}});
  }
}

TEST_CASE("api_key_verify: each way not to be valid has its code") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json key = make_key(client, tenant, {{"product", "certifai"}, {"scopes", {"read"}}});
  const std::string plaintext = key.at("key");
  REQUIRE(verify(client, {{"key", kForeignKey}}) == refusal("NOT_FOUND"));
  // Of the same prefix, and not the key.
  const std::string other =
      plaintext.substr(0, 11) + (plaintext[11] == 'A' ? "B" : "A") + plaintext.substr(12);
  REQUIRE(verify(client, {{"key", other}}) == refusal("NOT_FOUND"));
  REQUIRE(verify(client, {{"key", plaintext}, {"product", "compliance"}}) ==
          refusal("WRONG_PRODUCT"));
  REQUIRE(verify(client, {{"key", plaintext}, {"scopes", {"read", "write"}}}) ==
          refusal("INSUFFICIENT_SCOPE"));
  REQUIRE(verify(client, {{"key", plaintext}, {"product", "certifai"}}).at("valid") == true);
  set_status(id_of(tenant), TenantStatus::kArchived);
  REQUIRE(verify(client, {{"key", plaintext}}) == refusal("TENANT_ARCHIVED"));
  REQUIRE(revoke(client, key).status == 204);
  REQUIRE(verify(client, {{"key", plaintext}, {"product", "compliance"}}) == refusal("REVOKED"));
  REQUIRE(verify(client, {{"key", other}}) == refusal("NOT_FOUND"));
}

TEST_CASE("api_key_verify: what is no key of ours is MALFORMED, whatever came") {
  HttpClient client = shared_service().client();
  const auto code_for = [&](const HttpRequest& request) {
    const HttpResponse response = client.send(request);
    REQUIRE(response.status == 200);
    return response.json().at("code").get<std::string>();
  };
  const std::string body = GENERATE(
      as<std::string>{}, "", "no json", "[]", "null", "{}", R"({"key":null})", R"({"key":7})",
      R"({"key":""})", R"({"key":"bp_short"})", R"({"key":"xx_AAAAAAAAAAAAAAAAAAAAAA"})",
      R"({"key":"bp_AAAAAAAAAAAAAAAAAAAAAA="})", R"({"key":"bp_AAAAAAAAAAAAAAAAAAAAA+"})",
      R"({"key":"a","key":"b"})", "{\"key\":\"bp_\xFF\"}", R"({"key":"bp_short","unknown":1})");
  CAPTURE(body);
  REQUIRE(code_for({.method = "POST", .path = kVerify, .body = body}) == "MALFORMED");
  REQUIRE(code_for({.method = "POST",
                    .path = kVerify,
                    .body = body,
                    .headers = {"Content-Type: text/plain"}}) == "MALFORMED");
}

TEST_CASE("api_key_verify: a good key is one under any content type") {
  HttpClient client = shared_service().client();
  const Json key = make_key(client, make_tenant(client));
  const HttpResponse response = client.send({.method = "POST",
                                             .path = kVerify,
                                             .body = Json{{"key", key.at("key")}}.dump(),
                                             .headers = {"Content-Type: text/plain"}});
  REQUIRE(response.json().at("valid") == true);
}

TEST_CASE("api_key_verify: a bad product, scope or member beside a key is 400") {
  HttpClient client = shared_service().client();
  const auto [member, value] = GENERATE(table<std::string, Json>({{"product", "Not A Product"},
                                                                  {"product", 7},
                                                                  {"scopes", "read"},
                                                                  {"scopes", Json{"UPPER"}},
                                                                  {"scopes", Json(65, "s")},
                                                                  {"tenant_id", kNobody}}));
  CAPTURE(member, value);
  REQUIRE(rejected_fields(client.post(kVerify, {{"key", kForeignKey}, {member, value}})) ==
          std::vector<std::string>{member});
}

TEST_CASE("api_key_verify: a hash that the replaced service stored is verified") {
  HttpClient client = shared_service().client();
  const Json vectors =
      Json::parse(read_file(source_folder() + "/tests/data/argon2-vectors.json")).at("vectors");
  REQUIRE(vectors.size() >= 10);
  for (const Json& vector : vectors) {
    CAPTURE(vector.at("name"));
    const Json tenant = make_tenant(client);
    insert_api_key(id_of(tenant), vector.at("prefix"), vector.at("hash"));
    const Json answer = verify(client, {{"key", vector.at("key")}});
    REQUIRE(answer.at("valid") == vector.at("valid"));
    if (vector.at("valid") == true) REQUIRE(answer.at("tenant_id") == tenant.at("id"));
  }
}

TEST_CASE("api_key_verify: a stored hash of an unknown format is not valid, and logged once") {
  Service& service = shared_service();
  HttpClient client = service.client();
  const Json tenant = make_tenant(client);
  insert_api_key(id_of(tenant), std::string(kForeignKey).substr(0, 11), "scrypt|abc|def");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(verify(client, {{"key", kForeignKey}}) == refusal("NOT_FOUND"));
  }
  const std::string log = service.log_of("api_key_verify");
  const std::size_t first = log.find("unknown format");
  REQUIRE(first != std::string::npos);
  REQUIRE(log.find("unknown format", first + 1) == std::string::npos);
}

}  // namespace registry::test
