#include "common/auth/claims.h"

#include "common/auth/principal.h"
#include "tests/support/catch.h"
#include "tests/unit/token_fixture.h"

namespace registry::auth {
namespace {

using nlohmann::json;

const TokenPolicy kPolicy{.issuer = test::kIssuer, .audience = test::kAudience};
constexpr std::int64_t kUsInSecond = 1'000'000;
constexpr const char* kWrongForm = "The token has claims of another form than an access token.";

auto read_at(const json& claims, std::int64_t now_us) {
  return read_claims(claims.dump(), kPolicy, Timestamp{now_us});
}

auto read(const json& more) {
  return read_at(test::valid_claims(more), test::kNowS * kUsInSecond);
}

void check_claims_refused(const json& more, const std::string& reason) {
  CAPTURE(more.dump());
  const auto claims = read(more);
  REQUIRE_FALSE(claims);
  CHECK(claims.error() == reason);
}

Principal principal_with(const json& more) {
  CAPTURE(more.dump());
  const auto claims = read(more);
  if (!claims) FAIL(claims.error());
  return principal_of(*claims);
}

TEST_CASE("read_claims: takes what a token says of its bearer") {
  const auto claims = read(
      {{"sub", "f1"}, {"azp", "portal"}, {"preferred_username", "jane"}, {"name", "Jane Doe"}});
  REQUIRE(claims);
  CHECK(claims->subject == "f1");
  CHECK(claims->client == "portal");
  CHECK(claims->name == "jane");
  CHECK(claims->end.unix_us == (test::kNowS + 300 + 60) * kUsInSecond);
  CHECK(claims->roles.empty());
  CHECK(claims->organizations.empty());
  CHECK(read({{"name", "Jane Doe"}, {"preferred_username", ""}})->name == "Jane Doe");
  CHECK(read({{"client_id", "portal"}})->client == "portal");
  CHECK(read({{"client_id", "portal"}, {"azp", "other"}})->client == "other");
  CHECK(read(json::object())->client.empty());
}

TEST_CASE("read_claims: the issuer is compared exactly") {
  for (const char* other : {"https://id.example/realms/y", "https://id.example/realms/x/",
                            "http://id.example/realms/x", "HTTPS://id.example/realms/x", ""}) {
    check_claims_refused({{"iss", other}}, "The token is of another issuer.");
  }
  json without = test::valid_claims();
  without.erase("iss");
  CHECK_FALSE(read_at(without, test::kNowS * kUsInSecond));
  check_claims_refused({{"iss", json::array({test::kIssuer})}}, kWrongForm);
}

TEST_CASE("read_claims: a token is made out to this service, by audience or client") {
  CHECK(read({{"aud", test::kAudience}}));
  CHECK(read({{"aud", json::array({"account", test::kAudience})}}));
  CHECK(read({{"aud", "account"}, {"azp", test::kAudience}}));
  check_claims_refused({{"aud", "account"}, {"client_id", test::kAudience}},
                       "The token is made out to another service.");
  for (const json& audience : {json("account"), json::array(), json::array({"account"}), json(""),
                               json("tenant-registry "), json("Tenant-Registry")}) {
    check_claims_refused({{"aud", audience}}, "The token is made out to another service.");
  }
  for (const json& audience : {json(5), json(nullptr), json::object(), json::array({5})}) {
    check_claims_refused({{"aud", audience}}, kWrongForm);
  }
}

TEST_CASE("read_claims: clocks may be a minute apart, not more") {
  const json claims = test::valid_claims({{"exp", 1'000}, {"nbf", 500}, {"iat", 500}});
  CHECK(read_at(claims, 1'060 * kUsInSecond - 1));
  const auto expired = read_at(claims, 1'060 * kUsInSecond);
  REQUIRE_FALSE(expired);
  CHECK(expired.error() == "The token has expired.");
  CHECK(read_at(claims, 440 * kUsInSecond));
  const auto early = read_at(claims, 440 * kUsInSecond - 1);
  REQUIRE_FALSE(early);
  CHECK(early.error() == "The token is not valid yet.");
}

TEST_CASE("read_claims: times are numbers in the range of times") {
  CHECK(read({{"exp", test::kNowS + 0.5}}));
  CHECK(read({{"exp", 253'402'300'799}}));
  for (const json& end : {json("1900000000"), json(nullptr), json(-1), json(1e300), json(true),
                          json(253'402'300'800)}) {
    check_claims_refused({{"exp", end}}, kWrongForm);
  }
  for (const char* name : {"nbf", "iat"}) check_claims_refused({{name, "now"}}, kWrongForm);
  json without = test::valid_claims();
  without.erase("exp");
  CHECK_FALSE(read_at(without, test::kNowS * kUsInSecond));
}

TEST_CASE("read_claims: tokens of other kinds are no access tokens") {
  CHECK(read({{"typ", "Bearer"}}));
  for (const char* kind : {"Refresh", "ID", "Offline", "Logout", "bearer", ""}) {
    check_claims_refused({{"typ", kind}}, "This is no access token.");
  }
}

TEST_CASE("read_claims: what is no bounded object of known claims is refused") {
  const std::string nested = std::string(40, '[') + std::string(40, ']');
  const std::string start = R"({"iss":")" + std::string(test::kIssuer) +
                            R"(","aud":"tenant-registry","exp":1800000300,"sub":"s")";
  const Timestamp now{test::kNowS * kUsInSecond};
  REQUIRE(read_claims(start + "}", kPolicy, now));
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("x"), start, start + R"(,"sub":"t"})",
        start + R"(,"x":)" + nested + "}", start + "} x", start + ",\"x\":\"\xFF\"}"}) {
    CAPTURE(payload);
    CHECK_FALSE(read_claims(payload, kPolicy, now));
  }
  for (const json& bad :
       {json{{"sub", 5}}, json{{"sub", ""}}, json{{"sub", std::string(256, 's')}}, json{{"azp", 5}},
        json{{"name", json::array()}}, json{{"realm_access", "admin"}},
        json{{"realm_access", {{"roles", "registry-admin"}}}},
        json{{"realm_access", {{"roles", {1}}}}}, json{{"resource_access", json::array()}},
        json{{"resource_access", {{"tenant-registry", 5}}}}, json{{"organization", 5}},
        json{{"organization", json::array({5})}}, json{{"organization", {{"acme", "id"}}}}}) {
    check_claims_refused(bad, kWrongForm);
  }
}

TEST_CASE("read_claims: roles and organizations are bounded in number") {
  json roles = json::array();
  for (int i = 0; i < 257; ++i) roles.push_back("role-" + std::to_string(i));
  check_claims_refused({{"realm_access", {{"roles", roles}}}}, kWrongForm);
  roles.erase(256);
  CHECK(read({{"realm_access", {{"roles", roles}}}}));
  check_claims_refused({{"realm_access", {{"roles", roles}}},
                        {"resource_access", {{test::kAudience, {{"roles", {"one-more"}}}}}}},
                       kWrongForm);
  json aliases = json::array();
  json members = json::object();
  for (int i = 0; i < 65; ++i) {
    aliases.push_back("org-" + std::to_string(i));
    members["org-" + std::to_string(i)] = json::object();
  }
  check_claims_refused({{"organization", aliases}}, kWrongForm);
  check_claims_refused({{"organization", members}}, kWrongForm);
}

TEST_CASE("principal_of: roles are those of the realm and of this service") {
  const json admin = {{"roles", {"registry-admin", "other"}}};
  CHECK(principal_with({{"realm_access", admin}}).is_administrator);
  CHECK(principal_with({{"resource_access", {{test::kAudience, admin}}}}).is_administrator);
  CHECK_FALSE(principal_with({{"resource_access", {{"account", admin}}}}).is_administrator);
  CHECK_FALSE(principal_with({{"roles", {"registry-admin"}}}).is_administrator);
  CHECK(principal_with({{"realm_access", {{"roles", {"registry-service"}}}}}).is_service);
  CHECK(principal_with({{"realm_access", {{"roles", {"tenant-admin"}}}}}).is_manager);
  CHECK_FALSE(principal_with({{"realm_access", {{"roles", {"tenant-admin"}}}}}).is_member());
}

TEST_CASE("principal_of: an organization has one of four shapes") {
  const std::string id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  for (const json& by_alias :
       {json::array({"acme"}), json("acme"), json{{"acme", json::object()}}}) {
    const Principal principal = principal_with({{"organization", by_alias}});
    CHECK(principal.tenant_ids.empty());
    CHECK(principal.tenant_slugs == std::vector<std::string>{"acme"});
    CHECK(principal.is_member());
  }
  const Principal by_id = principal_with({{"organization", {{"acme", {{"id", id}}}}}});
  CHECK(by_id.tenant_ids == std::vector<Uuid>{*Uuid::parse(id)});
  CHECK(by_id.tenant_slugs.empty());
}

TEST_CASE("principal_of: an id that is none does not make the alias count") {
  for (const json& id : {json("acme"), json(""), json(5), json(nullptr), json::object()}) {
    CHECK_FALSE(principal_with({{"organization", {{"acme", {{"id", id}}}}}}).is_member());
  }
}

TEST_CASE("principal_of: an alias is never an id, and one that is no slug names nothing") {
  const std::string id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  const Principal principal =
      principal_with({{"organization", {id, "Acme Inc.", "", "a", "with_underscore"}}});
  CHECK(principal.tenant_ids.empty());
  CHECK(principal.tenant_slugs == std::vector<std::string>{id});
}

TEST_CASE("principal_of: several organizations are a set") {
  const std::string id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  const Principal principal = principal_with(
      {{"organization",
        {{"acme", {{"id", id}}}, {"globex", json::object()}, {"x y", json::object()}}}});
  CHECK(principal.tenant_ids.size() == 1);
  CHECK(principal.tenant_slugs == std::vector<std::string>{"globex"});
}

}  // namespace
}  // namespace registry::auth
