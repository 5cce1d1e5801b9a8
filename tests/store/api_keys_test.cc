#include <algorithm>

#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

const std::string kPrefix = "bp_0123abcd";

class ApiKeysTest : public EveryStore {
 protected:
  // A key whose name nobody has.
  static NewApiKey new_key(const Uuid& tenant_id) {
    return {.tenant_id = tenant_id,
            .product = product_of("certifai"),
            .name = "key " + random_id().to_string(),
            .scopes = {"audit:write", "catalog:read"},
            .hash = "argon2id|c2FsdA|aGFzaA",
            .prefix = kPrefix,
            .created_by = "ada@example.com"};
  }

  ApiKey create(const NewApiKey& key) {
    return value_of(store().create_api_key(everyone(), key, some_origin()));
  }

  std::vector<ApiKey> all_keys(const Uuid& tenant_id) {
    return value_of(store().api_keys(everyone(), tenant_id, true));
  }
};

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: the key as given, stored, audited without secrets") {
  const Tenant tenant =
      tenant_in(GENERATE(TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive));
  const NewApiKey given = new_key(tenant.id);
  const RowCounts before = backend().row_counts();
  let_time_pass();

  const ApiKey key = create(given);

  CHECK(key.tenant_id == tenant.id);
  CHECK(key.product == "certifai");
  CHECK(key.name == given.name);
  CHECK(key.scopes == given.scopes);
  CHECK(key.prefix == given.prefix);
  CHECK(key.created_by == "ada@example.com");
  CHECK_FALSE(key.last_used_at);
  CHECK_FALSE(key.revoked_at);
  CHECK(key.created_at > tenant.created_at);
  CHECK(all_keys(tenant.id) == std::vector<ApiKey>{key});
  CHECK(backend().row_counts().api_keys == before.api_keys + 1);
  CHECK(backend().row_counts().audit_events == before.audit_events + 1);
  const AuditEvent entry = backend().audit_trail(tenant.id).at(1);
  CHECK(entry.created_at >= key.created_at);
  CHECK(entry.event.action == "api_key.create");
  CHECK(entry.event.target_type == "api_key");
  CHECK(entry.event.target_id == key.id.to_string());
  CHECK(entry.event.target_name == key.name);
  CHECK(entry.event.actor_id == "user-7");
  CHECK(entry.event.source_ip == "203.0.113.7");
  CHECK(entry.event.metadata_json.find("argon2id") == std::string::npos);
  CHECK(is_same_json(entry.event.metadata_json,
                     R"({"product":"certifai","scopes":["audit:write","catalog:read"],)"
                     R"("prefix":"bp_0123abcd","created_by":"ada@example.com"})"));
}

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: a key for all products, without scopes or maker") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  NewApiKey least = new_key(tenant.id);
  least.product = std::nullopt;
  least.scopes = {};
  least.created_by = std::nullopt;
  const ApiKey key = create(least);
  CHECK_FALSE(key.product);
  CHECK(key.scopes.empty());
  CHECK_FALSE(key.created_by);
  CHECK(all_keys(tenant.id) == std::vector<ApiKey>{key});
  CHECK(is_same_json(backend().audit_trail(tenant.id).at(1).event.metadata_json,
                     R"({"product":null,"scopes":[],"prefix":"bp_0123abcd","created_by":null})"));
}

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: texts come back as they were given") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  NewApiKey key = new_key(tenant.id);
  key.scopes = {"z", "a", "a\"b", "a\\b", "{a,b}", "NULL", "100%", "ä b", "🔑", "'"};
  SECTION("special characters") {
    key.name = "it's \"100%\" \\ {a,b} – 日本 🔑";
    key.created_by = "O'Neill; DROP TABLE api_keys --";
  }
  SECTION("255 characters of 4 bytes") {
    key.name.clear();
    for (int i = 0; i < 255; ++i) key.name += "🔑";
    key.created_by = key.name;
  }
  SECTION("64 scopes") {
    key.scopes.clear();
    for (int i = 64; i > 0; --i) key.scopes.push_back("scope:" + std::to_string(i));
  }
  const ApiKey created = create(key);
  CHECK(created.name == key.name);
  CHECK(created.scopes == key.scopes);
  CHECK(created.created_by == key.created_by);
  CHECK(all_keys(tenant.id) == std::vector<ApiKey>{created});
  CHECK(backend().audit_trail(tenant.id).at(1).event.target_name == key.name);
}

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: a name is given once in a tenant") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey first = create(new_key(tenant.id));
  NewApiKey second = new_key(tenant.id);
  second.name = first.name;
  SECTION("by a key that is valid") {}
  SECTION("by a revoked one") {
    REQUIRE(store().revoke_api_key(everyone(), first.id, some_origin()));
  }
  require_writes_nothing(tenant.id, [&] {
    CHECK(code_of(store().create_api_key(everyone(), second, some_origin())) ==
          ErrorCode::kNameTaken);
  });

  second.tenant_id = tenant_in(TenantStatus::kActive).id;
  CHECK(create(second).name == first.name);
  second.tenant_id = tenant.id;
  second.name += "!";
  CHECK(create(second).name == first.name + "!");
  std::transform(second.name.begin(), second.name.end(), second.name.begin(),
                 [](char c) { return c == 'k' ? 'K' : c; });
  CHECK(create(second).name == second.name);
}

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: an unknown tenant is not found") {
  const RowCounts before = backend().row_counts();
  CHECK(code_of(store().create_api_key(everyone(), new_key(random_id()), some_origin())) ==
        ErrorCode::kNotFound);
  CHECK(backend().row_counts() == before);
}

TEST_CASE_METHOD(ApiKeysTest, "create_api_key: a frozen or archived tenant gets none") {
  struct Case {
    TenantStatus status;
    ErrorCode code;
  };
  const Case row = GENERATE(Case{TenantStatus::kFrozen, ErrorCode::kTenantFrozen},
                            Case{TenantStatus::kArchived, ErrorCode::kTenantArchived});
  CAPTURE(to_string(row.status));
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  NewApiKey key = new_key(tenant.id);
  const std::string taken = create(key).name;
  backend().set_status(tenant.id, row.status);
  require_writes_nothing(tenant.id, [&] {
    key.name = "another";
    CHECK(code_of(store().create_api_key(everyone(), key, some_origin())) == row.code);
    key.name = taken;
    CHECK(code_of(store().create_api_key(everyone(), key, some_origin())) == row.code);
  });
}

TEST_CASE_METHOD(ApiKeysTest,
                 "api_keys: oldest first, revoked ones when asked for, none of others") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  CHECK(all_keys(tenant.id).empty());
  create(new_key(tenant_in(TenantStatus::kActive).id));
  std::vector<ApiKey> keys;
  for (int i = 0; i < 4; ++i) {
    let_time_pass();
    keys.push_back(create(new_key(tenant.id)));
  }
  CHECK(all_keys(tenant.id) == keys);
  REQUIRE(store().revoke_api_key(everyone(), keys[1].id, some_origin()));

  const auto all = all_keys(tenant.id);
  REQUIRE(all.size() == 4);
  CHECK(all[1].id == keys[1].id);
  CHECK(all[1].revoked_at.has_value());
  CHECK(value_of(store().api_keys(everyone(), tenant.id, false)) ==
        std::vector<ApiKey>{keys[0], keys[2], keys[3]});
}

TEST_CASE_METHOD(ApiKeysTest, "api_keys: an unknown tenant is not found, every status is listed") {
  CHECK(code_of(store().api_keys(everyone(), random_id(), true)) == ErrorCode::kNotFound);
  CHECK(code_of(store().api_keys(everyone(), random_id(), false)) == ErrorCode::kNotFound);
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey key = create(new_key(tenant.id));
  for (const TenantStatus status : {TenantStatus::kFrozen, TenantStatus::kArchived}) {
    backend().set_status(tenant.id, status);
    CHECK(all_keys(tenant.id) == std::vector<ApiKey>{key});
  }
  REQUIRE(store().revoke_api_key(everyone(), key.id, some_origin()));
  CHECK(value_of(store().api_keys(everyone(), tenant.id, false)).empty());
}

TEST_CASE_METHOD(EveryStoreWithAClock, "api_keys: of one microsecond, sorted by id", "[embedded]") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  std::vector<Uuid> ids;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    const NewApiKey key{.tenant_id = tenant.id,
                        .product = {},
                        .name = name,
                        .scopes = {},
                        .hash = "h",
                        .prefix = kPrefix,
                        .created_by = {}};
    ids.push_back(value_of(store().create_api_key(everyone(), key, {})).id);
  }
  std::sort(ids.begin(), ids.end());
  std::vector<Uuid> listed;
  for (const ApiKey& key : value_of(store().api_keys(everyone(), tenant.id, false)))
    listed.push_back(key.id);
  CHECK(listed == ids);
}

TEST_CASE_METHOD(ApiKeysTest, "revoke_api_key: for good, audited, whatever the tenant's status") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey key = create(new_key(tenant.id));
  const ApiKey other = create(new_key(tenant.id));
  backend().set_status(tenant.id, GENERATE(TenantStatus::kActive, TenantStatus::kFrozen,
                                           TenantStatus::kArchived, TenantStatus::kDemo));
  let_time_pass();

  REQUIRE(store().revoke_api_key(everyone(), key.id, some_origin()));

  const auto keys = all_keys(tenant.id);
  const auto is_revoked = [](const ApiKey& each) { return each.revoked_at.has_value(); };
  REQUIRE(std::count_if(keys.begin(), keys.end(), is_revoked) == 1);
  const ApiKey revoked = *std::find_if(keys.begin(), keys.end(), is_revoked);
  CHECK(*revoked.revoked_at > key.created_at);
  ApiKey expected = key;
  expected.revoked_at = revoked.revoked_at;
  CHECK(revoked == expected);
  const auto trail = backend().audit_trail(tenant.id);
  REQUIRE(trail.size() == 4);
  CHECK(trail[3].created_at >= *revoked.revoked_at);
  CHECK(trail[3].event.action == "api_key.revoke");
  CHECK(trail[3].event.target_type == "api_key");
  CHECK(trail[3].event.target_id == key.id.to_string());
  CHECK(trail[3].event.target_name == key.name);
  CHECK(trail[3].event.actor_name == "Ada Lovelace");
  CHECK(is_same_json(trail[3].event.metadata_json,
                     R"({"product":"certifai","prefix":"bp_0123abcd"})"));
}

TEST_CASE_METHOD(ApiKeysTest, "revoke_api_key: the first moment stays, a further call is silent") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey key = create(new_key(tenant.id));
  REQUIRE(store().revoke_api_key(everyone(), key.id, some_origin()));
  const auto revoked = all_keys(tenant.id);
  require_writes_nothing(tenant.id,
                         [&] { CHECK(store().revoke_api_key(everyone(), key.id, some_origin())); });
  CHECK(all_keys(tenant.id) == revoked);
}

TEST_CASE_METHOD(ApiKeysTest, "revoke_api_key: an unknown key is not found") {
  const RowCounts before = backend().row_counts();
  CHECK(code_of(store().revoke_api_key(everyone(), random_id(), some_origin())) ==
        ErrorCode::kNotFound);
  // A tenant's id is no key's.
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  CHECK(code_of(store().revoke_api_key(everyone(), tenant.id, some_origin())) ==
        ErrorCode::kNotFound);
  CHECK(backend().row_counts().api_keys == before.api_keys);
}

TEST_CASE_METHOD(ApiKeysTest, "api_keys_by_prefix: every key of the prefix, and none of another") {
  const Tenant one = tenant_in(TenantStatus::kActive);
  const Tenant two = tenant_in(TenantStatus::kFrozen);
  backend().set_status(two.id, TenantStatus::kActive);
  const ApiKey first = create(new_key(one.id));
  let_time_pass();
  NewApiKey other_hash = new_key(two.id);
  other_hash.hash = "argon2id|b3RoZXI|b3RoZXI";
  const ApiKey second = create(other_hash);
  for (const char* other : {"bp_0123abcD", "bp_0123abc", "bp_0123abcde", "bp_9876abcd"}) {
    NewApiKey stranger = new_key(one.id);
    stranger.prefix = other;
    create(stranger);
  }
  backend().set_status(two.id, TenantStatus::kFrozen);
  REQUIRE(store().revoke_api_key(everyone(), first.id, some_origin()));

  auto found = store().api_keys_by_prefix(kPrefix, std::nullopt);

  REQUIRE(found.size() == 2);
  if (found[0].key.id != first.id) std::swap(found[0], found[1]);
  CHECK(found[0].key == all_keys(one.id).at(0));
  CHECK(found[0].key.revoked_at.has_value());
  CHECK(found[0].hash == "argon2id|c2FsdA|aGFzaA");
  CHECK(found[0].tenant_slug == one.slug);
  CHECK(found[0].tenant_status == TenantStatus::kActive);
  CHECK_FALSE(found[0].entitlement);
  CHECK(found[1].key == second);
  CHECK(found[1].hash == other_hash.hash);
  CHECK(found[1].tenant_slug == two.slug);
  CHECK(found[1].tenant_status == TenantStatus::kFrozen);
  for (const char* nobody : {"", "bp_", "bp_0123abc%", "bp_0123abc_", "%", "BP_0123ABCD"}) {
    CAPTURE(nobody);
    CHECK(store().api_keys_by_prefix(nobody, std::nullopt).empty());
  }
}

TEST_CASE_METHOD(ApiKeysTest, "api_keys_by_prefix: with the entitlement that is asked for") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Tenant other = tenant_in(TenantStatus::kActive);
  create(new_key(tenant.id));
  EntitlementRow row{
      .tenant_id = tenant.id, .product = "certifai", .config_json = R"({"seats":7})"};
  bool is_active = true;
  SECTION("active") {}
  SECTION("to end") {
    row.expires_at = add_days(tenant.created_at, 30);
  }
  SECTION("over") {
    row.expires_at = add_days(tenant.created_at, -1);
    is_active = false;
  }
  SECTION("disabled") {
    row.enabled = false;
    is_active = false;
  }
  SECTION("of an archived tenant") {
    backend().set_status(tenant.id, TenantStatus::kArchived);
    is_active = false;
  }
  backend().insert_entitlement(row);
  backend().insert_entitlement({.tenant_id = tenant.id, .product = "mapping"});
  backend().insert_entitlement({.tenant_id = other.id, .product = "compliance"});

  const auto asked = store().api_keys_by_prefix(kPrefix, product_of("certifai"));
  REQUIRE(asked.size() == 1);
  REQUIRE(asked[0].entitlement);
  CHECK(asked[0].entitlement->active == is_active);
  CHECK(*asked[0].entitlement ==
        value_of(store().entitlements(everyone(), tenant.id, product_of("certifai"))).at(0));

  const auto without = store().api_keys_by_prefix(kPrefix, product_of("compliance"));
  REQUIRE(without.size() == 1);
  CHECK_FALSE(without[0].entitlement);
}

TEST_CASE_METHOD(ApiKeysTest, "api_keys_by_prefix: with the store's time at which it was read") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey before = create(new_key(tenant.id));
  let_time_pass();
  const auto found = store().api_keys_by_prefix(kPrefix, std::nullopt);
  REQUIRE(found.size() == 1);
  if (const FakeClock* clock = backend().settable_clock()) CHECK(found[0].read_at == clock->now());
  let_time_pass();
  const ApiKey after = create(new_key(tenant.id));
  CHECK(found[0].read_at > before.created_at);
  CHECK(found[0].read_at < after.created_at);
}

TEST_CASE_METHOD(ApiKeysTest,
                 "api_keys_by_prefix: what is committed counts from the next call on") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const ApiKey key = create(new_key(tenant.id));
  const auto found = [&] { return store().api_keys_by_prefix(kPrefix, std::nullopt); };
  REQUIRE(found().size() == 1);
  backend().set_status(tenant.id, TenantStatus::kArchived);
  CHECK(found().at(0).tenant_status == TenantStatus::kArchived);
  REQUIRE(store().revoke_api_key(everyone(), key.id, some_origin()));
  CHECK(found().at(0).key.revoked_at.has_value());
  backend().delete_tenant(tenant.id);
  CHECK(found().empty());
}

}  // namespace
}  // namespace registry::test
