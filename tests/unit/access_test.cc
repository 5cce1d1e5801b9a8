#include "common/auth/access.h"

#include "tests/support/catch.h"

namespace registry::auth {
namespace {

const Uuid kAcme = *Uuid::parse("00000000-0000-0000-0000-000000000001");
const Uuid kGlobex = *Uuid::parse("00000000-0000-0000-0000-000000000002");

Principal somebody() {
  Principal principal;
  principal.id = "somebody";
  principal.client = "certifai";
  return principal;
}

http::Rights everyones_rights() {
  return {.administrator = true, .service = true, .manager = true, .member = true};
}

TEST_CASE("access_of: without a role and an organisation nothing may be reached") {
  CHECK_FALSE(access_of(somebody(), everyones_rights()));
  Principal manager = somebody();
  manager.is_manager = true;
  CHECK_FALSE(access_of(manager, everyones_rights()));
}

TEST_CASE("access_of: a role counts where the operation names it") {
  Principal administrator = somebody();
  administrator.is_administrator = true;
  Principal service = somebody();
  service.is_service = true;
  Principal member = somebody();
  member.tenant_ids = {kAcme};
  Principal manager = member;
  manager.is_manager = true;

  CHECK(access_of(administrator, {.administrator = true}));
  CHECK(access_of(service, {.service = true}));
  CHECK(access_of(member, {.member = true}));
  CHECK(access_of(manager, {.manager = true}));
  CHECK(access_of(manager, {.member = true}));

  CHECK_FALSE(access_of(administrator, {.service = true, .manager = true, .member = true}));
  CHECK_FALSE(access_of(service, {.administrator = true, .manager = true, .member = true}));
  CHECK_FALSE(access_of(member, {.administrator = true, .service = true, .manager = true}));
  CHECK_FALSE(access_of(manager, {.administrator = true, .service = true}));
  CHECK_FALSE(access_of(manager, http::Rights{}));
}

TEST_CASE("access_of: administrators and services reach every tenant, members theirs") {
  Principal principal = somebody();
  principal.tenant_ids = {kAcme};
  principal.tenant_slugs = {"globex"};
  const auto as_member = access_of(principal, everyones_rights());
  REQUIRE(as_member);
  CHECK_FALSE(as_member->tenants.is_all());
  CHECK(as_member->tenants.ids() == principal.tenant_ids);
  CHECK(as_member->tenants.slugs() == principal.tenant_slugs);
  CHECK_FALSE(as_member->product);

  principal.is_service = true;
  const auto as_service = access_of(principal, everyones_rights());
  REQUIRE(as_service);
  CHECK(as_service->tenants.is_all());
  CHECK_FALSE(as_service->product);
}

TEST_CASE("access_of: where it is bound, a service reaches its own product, others any") {
  http::Rights rights = everyones_rights();
  rights.service_is_bound_to_product = true;
  Principal principal = somebody();
  principal.is_service = true;
  CHECK(access_of(principal, rights)->product == "certifai");
  principal.is_administrator = true;
  CHECK_FALSE(access_of(principal, rights)->product);
  principal.is_administrator = false;
  principal.client.clear();
  CHECK(access_of(principal, rights)->product == "");
}

TEST_CASE("access_of: a key reaches its tenant, and its product if it has one") {
  ApiKey key{.id = kGlobex,
             .tenant_id = kAcme,
             .product = {},
             .name = "key",
             .scopes = {},
             .prefix = {},
             .created_by = {},
             .last_used_at = {},
             .revoked_at = {},
             .created_at = {}};
  CHECK(access_of(key).tenants.ids() == std::vector<Uuid>{kAcme});
  CHECK(access_of(key).tenants.slugs().empty());
  CHECK_FALSE(access_of(key).tenants.is_all());
  CHECK_FALSE(access_of(key).product);
  key.product = "certifai";
  CHECK(access_of(key).product == "certifai");
}

}  // namespace
}  // namespace registry::auth
