// Whose data an operation may touch: what is outside of the scope is as if it did not exist.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

// A tenant and what operations name of it.
struct Target {
  Uuid id;
  Slug slug;
  Uuid key_id;
};

template <class T>
std::optional<Error> error_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error();
}

AuditSubmission event_of(const std::optional<Uuid>& tenant_id, std::string place = "") {
  AuditSubmission submission;
  submission.event.tenant_id = tenant_id;
  submission.event.action = "invoice.pay";
  submission.hash_tail = "invoice.pay:::::0:0:::";
  submission.place = std::move(place);
  return submission;
}

NewApiKey key_of(const Uuid& tenant_id) {
  return {.tenant_id = tenant_id,
          .product = {},
          .name = "key " + random_id().to_string(),
          .scopes = {"audit:write"},
          .hash = "argon2id|c2FsdA|aGFzaA",
          .prefix = "bp_0123abcd",
          .created_by = {}};
}

// An operation on the data of a tenant, and how it fails.
struct Operation {
  const char* name;
  std::optional<Error> (*run)(Store& store, const TenantScope& scope, const Target& target);
};

// Every operation with a scope. Each is possible for an active tenant that nothing was done to.
constexpr std::array kOperations = {
    Operation{"tenant_by_id",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.tenant_by_id(scope, target.id));
              }},
    Operation{"tenant_by_slug",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.tenant_by_slug(scope, target.slug));
              }},
    Operation{"activate_tenant",
              [](Store& store, const TenantScope& scope, const Target& target) {
                Activation activation;
                activation.plan = "enterprise";
                return error_of(store.activate_tenant(scope, target.id, activation, some_origin()));
              }},
    Operation{"cancel_tenant",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.cancel_tenant(scope, target.id, "reason", some_origin()));
              }},
    Operation{"entitlements",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.entitlements(scope, target.id, {}));
              }},
    Operation{"product_standings",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.product_standings(scope, target.id));
              }},
    Operation{"request_product",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.request_product(scope, target.id, product_of("certifai"),
                                                      "note", some_origin()));
              }},
    Operation{"start_trial",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.start_trial(scope, target.id, product_of("mapping"),
                                                  kTrialDays, some_origin()));
              }},
    Operation{"create_api_key",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.create_api_key(scope, key_of(target.id), some_origin()));
              }},
    Operation{"api_keys",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.api_keys(scope, target.id, true));
              }},
    Operation{"revoke_api_key",
              [](Store& store, const TenantScope& scope, const Target& target) {
                return error_of(store.revoke_api_key(scope, target.key_id, some_origin()));
              }},
    Operation{"append_audit_events, by id",
              [](Store& store, const TenantScope& scope, const Target& target) {
                const AuditSubmission event = event_of(target.id);
                return error_of(store.append_audit_events(scope, {&event, 1}));
              }},
    Operation{"append_audit_events, by slug",
              [](Store& store, const TenantScope& scope, const Target& target) {
                AuditSubmission event = event_of(std::nullopt);
                event.tenant_slug = target.slug;
                return error_of(store.append_audit_events(scope, {&event, 1}));
              }},
};

class TenancyTest : public EveryStore {
 protected:
  // A new tenant with a key, and with this slug, if it is given.
  Target make_target(const std::optional<Slug>& slug = {}) {
    NewTenant tenant = new_customer();
    if (slug) tenant.slug = *slug;
    const Uuid id = value_of(store().create_tenant(tenant, some_origin())).tenant.id;
    backend().set_status(id, TenantStatus::kActive);
    const ApiKey key = value_of(store().create_api_key(everyone(), key_of(id), some_origin()));
    return {.id = id, .slug = tenant.slug, .key_id = key.id};
  }

  // A tenant whose slug is the id of `target`, as a text.
  Target make_lookalike(const Target& target) {
    return make_target(slug_of(target.id.to_string()));
  }

  // Requires that every operation on a new tenant succeeds within the scope that is made for it.
  template <class MakeScope>
  void require_open(const MakeScope& make_scope) {
    for (const Operation& operation : kOperations) {
      const Target target = make_target();
      CAPTURE(operation.name);
      require_done(operation, make_scope(target), target);
    }
  }

  void require_done(const Operation& operation, const TenantScope& scope, const Target& target) {
    const auto error = operation.run(store(), scope, target);
    INFO("error: " << (error ? error->detail : ""));
    CHECK_FALSE(error);
  }

  // Requires that every operation on the tenant fails as if there were none, and writes nothing.
  void require_closed(const TenantScope& scope, const Target& target) {
    const Target nobody{.id = random_id(), .slug = random_slug(), .key_id = random_id()};
    for (const Operation& operation : kOperations) {
      CAPTURE(operation.name);
      const auto missing = operation.run(store(), everyone(), nobody);
      REQUIRE(missing);
      std::optional<Error> foreign;
      require_writes_nothing(target.id, [&] { foreign = operation.run(store(), scope, target); });
      REQUIRE(foreign);
      CHECK(foreign->code == missing->code);
      CHECK(foreign->detail == missing->detail);
      CHECK(foreign->fields == missing->fields);
      CHECK(foreign->tenant_status == missing->tenant_status);
    }
  }
};

TEST_CASE_METHOD(TenancyTest, "scope: a tenant that it lists by id is open to every operation") {
  require_open([](const Target& target) { return TenantScope::of({target.id}, {}); });
}

TEST_CASE_METHOD(TenancyTest, "scope: a tenant that it lists by slug is open to every operation") {
  require_open([](const Target& target) { return TenantScope::of({}, {target.slug.str()}); });
}

TEST_CASE_METHOD(TenancyTest, "scope: of several tenants each is open, by id or by slug") {
  const Target by_id = make_target();
  const Target by_slug = make_target();
  require_open([&](const Target& target) {
    return TenantScope::of({by_id.id, target.id}, {by_slug.slug.str()});
  });
  require_open([&](const Target& target) {
    return TenantScope::of({by_id.id}, {by_slug.slug.str(), target.slug.str()});
  });
}

TEST_CASE_METHOD(TenancyTest, "scope: another tenant is as if it did not exist") {
  const Target own = make_target();
  const Target other = make_target();
  require_closed(TenantScope::of({own.id}, {}), other);
  require_closed(TenantScope::of({}, {own.slug.str()}), other);
  require_closed(TenantScope::of({own.id, random_id()}, {own.slug.str(), random_slug().str()}),
                 other);
}

TEST_CASE_METHOD(TenancyTest, "scope: for an empty one nobody exists") {
  require_closed(TenantScope::of({}, {}), make_target());
}

TEST_CASE_METHOD(TenancyTest,
                 "scope: a slug that is another tenant's id opens its own tenant only") {
  for (const Operation& operation : kOperations) {
    CAPTURE(operation.name);
    const Target victim = make_target();
    const Target lookalike = make_lookalike(victim);
    require_done(operation, TenantScope::of({}, {victim.id.to_string()}), lookalike);
  }
  const Target victim = make_target();
  const Target lookalike = make_lookalike(victim);
  require_closed(TenantScope::of({}, {victim.id.to_string()}), victim);
  require_closed(TenantScope::of({}, {lookalike.slug.str(), lookalike.id.to_string()}), victim);
}

TEST_CASE_METHOD(TenancyTest,
                 "scope: an id that is another tenant's slug opens its own tenant only") {
  for (const Operation& operation : kOperations) {
    CAPTURE(operation.name);
    const Target owner = make_target();
    make_lookalike(owner);
    require_done(operation, TenantScope::of({owner.id}, {}), owner);
  }
  const Target owner = make_target();
  require_closed(TenantScope::of({owner.id}, {}), make_lookalike(owner));
}

TEST_CASE_METHOD(TenancyTest, "revoke_api_key: another tenant's key stays as it is") {
  const Target own = make_target();
  const Target other = make_target();
  const auto before = value_of(store().api_keys(everyone(), other.id, true));
  CHECK(code_of(store().revoke_api_key(TenantScope::of({own.id}, {own.slug.str()}), other.key_id,
                                       some_origin())) == ErrorCode::kNotFound);
  CHECK(value_of(store().api_keys(everyone(), other.id, true)) == before);
  CHECK_FALSE(before.at(0).revoked_at);
}

TEST_CASE_METHOD(TenancyTest, "api_keys: a scope of several tenants mixes none of their keys") {
  const Target one = make_target();
  const Target two = make_target();
  const auto keys =
      value_of(store().api_keys(TenantScope::of({one.id}, {two.slug.str()}), two.id, true));
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].id == two.key_id);
}

TEST_CASE_METHOD(TenancyTest,
                 "append_audit_events: one event outside of the scope and none is kept") {
  const Target own = make_target();
  const Target other = make_target();
  std::vector<AuditSubmission> events = {event_of(own.id, "[0]."), event_of(other.id, "[1]."),
                                         event_of(std::nullopt, "[2]."),
                                         event_of(std::nullopt, "[3]."), event_of(own.id, "[4].")};
  events[2].tenant_slug = other.slug;
  events[3].tenant_slug = own.slug;
  const RowCounts before = backend().row_counts();
  for (const TenantScope& scope :
       {TenantScope::of({own.id}, {}), TenantScope::of({}, {own.slug.str()})}) {
    const auto refused = store().append_audit_events(scope, events);
    CHECK(code_of(refused) == ErrorCode::kInvalidRequest);
    CHECK(refused.error().fields == std::vector<FieldError>{{"[1].tenant_id", kNoSuchTenant},
                                                            {"[2].tenant_id", kNoSuchTenant}});
  }
  CHECK(backend().row_counts() == before);
}

TEST_CASE_METHOD(TenancyTest,
                 "append_audit_events: an event for no tenant is for the scope of all") {
  const Target own = make_target();
  std::vector<AuditSubmission> events = {event_of(own.id, "[0]."), event_of(std::nullopt, "[1]."),
                                         event_of(std::nullopt, "[2].")};
  events[2].retraced_json = "{}";
  const RowCounts before = backend().row_counts();
  const auto refused = store().append_audit_events(TenantScope::of({own.id}, {}), events);
  CHECK(code_of(refused) == ErrorCode::kInvalidRequest);
  CHECK(refused.error().fields ==
        std::vector<FieldError>{{"[1].tenant_id", kNeedsTenant}, {"[2].group.id", kNeedsTenant}});
  CHECK(backend().row_counts() == before);
  CHECK(store().append_audit_events(everyone(), events).has_value());
}

TEST_CASE_METHOD(TenancyTest,
                 "append_audit_events: a project of another tenant stays out of reach") {
  const Target own = make_target();
  const Target other = make_target();
  AuditSubmission event = event_of(own.id);
  event.event.project_id = backend().insert_project(other.id, "theirs");
  const auto refused =
      store().append_audit_events(TenantScope::of({own.id, other.id}, {}), {&event, 1});
  CHECK(code_of(refused) == ErrorCode::kInvalidRequest);
  CHECK(refused.error().fields == std::vector<FieldError>{{"project_id", kNoSuchProject}});
}

class TrailScopeTest : public TenancyTest {
 protected:
  // The tenants of a page's entries.
  std::vector<Uuid> tenants_of(const TenantScope& scope, const AuditQuery& query) {
    std::vector<Uuid> tenants;
    for (const AuditEvent& event : value_of(store().audit_events(scope, query)).events) {
      tenants.push_back(event.event.tenant_id.value());
    }
    return tenants;
  }

  void require_no_trail(const TenantScope& scope, const AuditQuery& query) {
    const auto refused = store().audit_events(scope, query);
    CHECK(code_of(refused) == ErrorCode::kNotFound);
    CHECK(refused.error().detail ==
          error_of(store().tenant_by_id(everyone(), random_id())).value().detail);
  }

  const Target own_ = make_target();
  const Target other_ = make_target();
};

TEST_CASE_METHOD(TrailScopeTest,
                 "audit_events: the trail of a tenant in the scope, and no other's") {
  for (const TenantScope& scope :
       {TenantScope::of({own_.id}, {}), TenantScope::of({}, {own_.slug.str()}),
        TenantScope::of({own_.id}, {own_.slug.str()}), TenantScope::of({other_.id, own_.id}, {}),
        TenantScope::of({other_.id}, {other_.slug.str(), own_.slug.str()})}) {
    for (const bool newest_first : {false, true}) {
      CHECK(tenants_of(scope, {.tenant_id = own_.id, .newest_first = newest_first}) ==
            std::vector<Uuid>(2, own_.id));  // its creation, and its key's
    }
    CHECK(tenants_of(scope, {.tenant_id = own_.id, .action = "api_key.create"}).size() == 1);
  }
}

TEST_CASE_METHOD(TrailScopeTest, "audit_events: a trail in the scope may be empty") {
  for (const TenantScope& scope :
       {TenantScope::of({own_.id}, {}), TenantScope::of({}, {own_.slug.str()})}) {
    const AuditPage page = value_of(
        store().audit_events(scope, {.tenant_id = own_.id, .action = "nothing of this kind"}));
    CHECK(page.events.empty());
    CHECK_FALSE(page.next_cursor);
  }
}

TEST_CASE_METHOD(TrailScopeTest, "audit_events: another tenant's trail is not found") {
  require_no_trail(TenantScope::of({own_.id}, {own_.slug.str()}), {.tenant_id = other_.id});
  require_no_trail(TenantScope::of({}, {}), {.tenant_id = other_.id});
  require_no_trail(TenantScope::of({own_.id}, {}),
                   {.tenant_id = other_.id, .action = "nothing of this kind"});
  require_no_trail(TenantScope::of({own_.id}, {}), {.tenant_id = random_id()});
}

TEST_CASE_METHOD(TrailScopeTest,
                 "audit_events: a query that names no tenant is for the scope of all") {
  const bool newest_first = GENERATE(false, true);
  require_no_trail(TenantScope::of({own_.id}, {own_.slug.str()}), {.newest_first = newest_first});
  require_no_trail(TenantScope::of({}, {}), {.newest_first = newest_first});
  require_no_trail(TenantScope::of({own_.id}, {}), {.product = "certifai"});
  CHECK(tenants_of(everyone(), {}).size() == 4);
}

TEST_CASE_METHOD(TrailScopeTest,
                 "audit_events: ids and slugs that look alike open no other trail") {
  const Target lookalike = make_lookalike(other_);
  const TenantScope by_slug = TenantScope::of({}, {other_.id.to_string()});
  require_no_trail(by_slug, {.tenant_id = other_.id});
  CHECK(tenants_of(by_slug, {.tenant_id = lookalike.id}) == std::vector<Uuid>(2, lookalike.id));
  const TenantScope by_id = TenantScope::of({other_.id}, {});
  require_no_trail(by_id, {.tenant_id = lookalike.id});
  CHECK(tenants_of(by_id, {.tenant_id = other_.id}) == std::vector<Uuid>(2, other_.id));
}

TEST_CASE_METHOD(TrailScopeTest,
                 "audit_events: a listed id needs no tenant any more, a slug does") {
  backend().delete_tenant(own_.id);
  CHECK(tenants_of(TenantScope::of({own_.id}, {}), {.tenant_id = own_.id}).empty());
  require_no_trail(TenantScope::of({}, {own_.slug.str()}), {.tenant_id = own_.id});
}

}  // namespace
}  // namespace registry::test
