#include "common/store/sqlite/sqlite_store.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "common/store/audit_metadata.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/schema.h"
#include "common/store/sqlite/scope.h"
#include "common/store/tenant_changes.h"

namespace registry::sqlite {
namespace {

// A tenant with its products, one row for each, in one statement: one state of the database and
// no second round through the engine. A macro, because literals alone join at compile time.
#define SELECT_TENANT                                                                              \
  "SELECT t.id, t.slug, t.name, t.status, t.kind, t.plan, t.erp_customer_id, t.stripe_cust_id,"    \
  " t.trial_ends_at, t.contract_start, t.contract_end, t.sales_owner, t.created_at, t.updated_at," \
  " p.product, p.enabled, p.expires_at"                                                            \
  " FROM tenants t LEFT JOIN tenant_products p ON p.tenant_id = t.id"
constexpr std::string_view kTenantById =
    SELECT_TENANT " WHERE t.id = ?4 AND " SCOPE_HAS_TENANT " ORDER BY p.product";
constexpr std::string_view kTenantBySlug =
    SELECT_TENANT " WHERE t.slug = ?4 AND " SCOPE_HAS_TENANT " ORDER BY p.product";
#undef SELECT_TENANT

constexpr std::string_view kInsertTenant =
    "INSERT INTO tenants (id, slug, name, status, kind, plan, trial_ends_at, sales_owner,"
    " created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

constexpr std::string_view kUpdateTenant =
    "UPDATE tenants SET status = ?3, plan = ?4, erp_customer_id = ?5, stripe_cust_id = ?6,"
    " contract_start = ?7, contract_end = ?8, updated_at = ?9 WHERE id = ?1 AND status = ?2";

Tenant read_tenant(const Statement& row) {
  return {.id = row.get<Uuid>(0),
          .slug = row.get<std::string>(1),
          .name = row.get<std::string>(2),
          .status = require_valid(parse_tenant_status(row.get<std::string>(3))),
          .kind = require_valid(parse_tenant_kind(row.get<std::string>(4))),
          .plan = row.get<std::string>(5),
          .products = {},
          .erp_customer_id = row.get<std::optional<std::string>>(6),
          .stripe_cust_id = row.get<std::optional<std::string>>(7),
          .trial_ends_at = row.get<std::optional<Timestamp>>(8),
          .contract_start = row.get<std::optional<Date>>(9),
          .contract_end = row.get<std::optional<Date>>(10),
          .sales_owner = row.get<std::optional<std::string>>(11),
          .created_at = row.get<Timestamp>(12),
          .updated_at = row.get<Timestamp>(13)};
}

// The tenant that `row`, a use of one of the two statements above, finds.
std::optional<Tenant> read_with_products(Statement& row, Timestamp now) {
  if (!row.step()) return std::nullopt;
  Tenant tenant = read_tenant(row);
  do {
    auto product = row.get<std::optional<std::string>>(14);
    if (product &&
        is_active(row.get<bool>(15), row.get<std::optional<Timestamp>>(16), tenant.status, now)) {
      tenant.products.push_back(std::move(*product));
    }
  } while (row.step());
  return tenant;
}

std::optional<Tenant> find_tenant(Connection& db, const TenantScope& scope, const Uuid& id,
                                  Timestamp now) {
  Statement row = query_in_scope(db, scope, kTenantById, id);
  return read_with_products(row, now);
}

std::optional<Tenant> find_tenant(Connection& db, const TenantScope& scope, const Slug& slug,
                                  Timestamp now) {
  Statement row = query_in_scope(db, scope, kTenantBySlug, slug.str());
  return read_with_products(row, now);
}

void insert_tenant(Connection& db, const Tenant& tenant) {
  db.run(kInsertTenant, tenant.id, tenant.slug, tenant.name, to_string(tenant.status),
         to_string(tenant.kind), tenant.plan, tenant.trial_ends_at, tenant.sales_owner,
         tenant.created_at, tenant.updated_at);
}

// Writes what a transition may change, if the tenant is still in the status it was read in.
void update_tenant(Connection& db, const Tenant& before, const Tenant& after) {
  const auto changed =
      db.run(kUpdateTenant, before.id, to_string(before.status), to_string(after.status),
             after.plan, after.erp_customer_id, after.stripe_cust_id, after.contract_start,
             after.contract_end, after.updated_at);
  if (changed != 1) throw std::logic_error("sqlite: a tenant changed under the write lock");
}

// Of the ids of other systems that a change sets, the error of the first that another tenant has.
std::optional<Error> find_conflict(Connection& db, const Tenant& after) {
  if (after.erp_customer_id &&
      db.query("SELECT 1 FROM tenants WHERE erp_customer_id = ?1 AND id <> ?2",
               *after.erp_customer_id, after.id)
          .step()) {
    return erp_customer_id_taken();
  }
  if (after.stripe_cust_id &&
      db.query("SELECT 1 FROM tenants WHERE stripe_cust_id = ?1 AND id <> ?2",
               *after.stripe_cust_id, after.id)
          .step()) {
    return stripe_cust_id_taken();
  }
  return std::nullopt;
}

}  // namespace

SqliteStore::SqliteStore(std::shared_ptr<Pool> pool, const Clock& clock)
    : pool_(std::move(pool)), clock_(clock) {}

Result<CreatedTenant> SqliteStore::create_tenant(const NewTenant& tenant,
                                                 const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();  // under the lock: the order of time is that of the trail
  if (tenant.id) {
    if (auto existing = find_tenant(*db, TenantScope::all(), *tenant.id, now)) {
      if (!is_replay(*existing, tenant)) return fail(tenant_id_taken());
      return CreatedTenant{.tenant = std::move(*existing), .replayed = true};
    }
  }
  if (db->query("SELECT 1 FROM tenants WHERE slug = ?1", tenant.slug.str()).step()) {
    return fail(slug_taken());
  }
  Tenant created = new_tenant_row(tenant.id ? *tenant.id : random_uuid(*db), tenant, now);
  insert_tenant(*db, created);
  insert_audit_event(*db, tenant_created_event(created, origin), now);
  transaction.commit();
  return CreatedTenant{.tenant = std::move(created), .replayed = false};
}

Result<Tenant> SqliteStore::tenant_by_id(const TenantScope& scope, const Uuid& id) {
  const Pool::Lease db(*pool_);
  auto tenant = find_tenant(*db, scope, id, clock_.now());
  if (!tenant) return fail(tenant_not_found());
  return std::move(*tenant);
}

Result<Tenant> SqliteStore::tenant_by_slug(const TenantScope& scope, const Slug& slug) {
  const Pool::Lease db(*pool_);
  auto tenant = find_tenant(*db, scope, slug, clock_.now());
  if (!tenant) return fail(tenant_not_found());
  return std::move(*tenant);
}

Result<Tenant> SqliteStore::activate_tenant(const TenantScope& scope, const Uuid& id,
                                            const Activation& activation,
                                            const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  const auto before = find_tenant(*db, scope, id, now);
  if (!before) return fail(tenant_not_found());
  auto after = activated(*before, activation);
  if (!after || *after == *before) return after;
  if (auto conflict = find_conflict(*db, *after)) return fail(std::move(*conflict));
  after->updated_at = moved_updated_at(before->updated_at, now);
  update_tenant(*db, *before, *after);
  insert_audit_event(*db, tenant_activated_event(*before, *after, origin), now);
  transaction.commit();
  return after;
}

Result<Tenant> SqliteStore::cancel_tenant(const TenantScope& scope, const Uuid& id,
                                          const std::optional<std::string>& reason,
                                          const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  const auto before = find_tenant(*db, scope, id, now);
  if (!before) return fail(tenant_not_found());
  auto after = cancelled(*before, utc_date(now));
  if (!after || *after == *before) return after;
  after->updated_at = moved_updated_at(before->updated_at, now);
  update_tenant(*db, *before, *after);
  insert_audit_event(*db, tenant_cancelled_event(*before, *after, reason, origin), now);
  transaction.commit();
  return after;
}

Store::Health SqliteStore::check_health() {
  const Pool::Lease db(*pool_);
  const int version = schema_version(*db);
  if (version != kSchemaVersion) {
    throw StoreUnavailable("the embedded store has schema version " + std::to_string(version) +
                           "; this program needs version " + std::to_string(kSchemaVersion));
  }
  return {.kind = "sqlite", .schema_version = version};
}

}  // namespace registry::sqlite
