#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/store/additions.h"
#include "common/store/audit_metadata.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/scope.h"
#include "common/store/sqlite/sqlite_store.h"
#include "common/store/tenant_changes.h"

namespace registry::sqlite {
namespace {

// The status of the tenant ?4 with each of its entitlements; with ?5 only that product's.
constexpr std::string_view kProducts =
    "SELECT t.status, p.product, p.enabled, p.config, p.expires_at, p.created_at, p.updated_at,"
    " p.requested_at, p.trial_started_at"
    " FROM tenants t LEFT JOIN tenant_products p"
    " ON p.tenant_id = t.id AND (?5 IS NULL OR p.product = ?5)"
    " WHERE t.id = ?4 AND " SCOPE_HAS_TENANT " ORDER BY p.product";

constexpr std::string_view kInsertProduct =
    "INSERT INTO tenant_products (tenant_id, product, enabled, expires_at, requested_at,"
    " trial_started_at, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

constexpr std::string_view kUpdateProduct =
    "UPDATE tenant_products SET enabled = ?3, expires_at = ?4, requested_at = ?5,"
    " trial_started_at = ?6, updated_at = ?7 WHERE tenant_id = ?1 AND product = ?2";

struct TenantProducts {
  TenantStatus status = TenantStatus::kActive;
  std::vector<ProductRow> rows;  // sorted by product

  // The row of the one product that was asked for.
  [[nodiscard]] std::optional<ProductRow> only_row() const {
    if (rows.empty()) return std::nullopt;
    return rows.front();
  }
};

// Nothing where there is no such tenant in the scope.
std::optional<TenantProducts> find_products(Connection& db, const TenantScope& scope,
                                            const Uuid& tenant_id,
                                            const std::optional<ProductId>& product,
                                            Timestamp now) {
  Statement row = query_in_scope(db, scope, kProducts, tenant_id, text_of(product));
  if (!row.step()) return std::nullopt;
  TenantProducts found;
  found.status = require_valid(parse_tenant_status(row.get<std::string>(0)));
  do {
    if (!row.get<std::optional<std::string>>(1)) break;  // the tenant without an entitlement
    found.rows.push_back({.entitlement = read_entitlement(row, 1, found.status, now),
                          .origin = {.requested_at = row.get<std::optional<Timestamp>>(7),
                                     .trial_started_at = row.get<std::optional<Timestamp>>(8)}});
  } while (row.step());
  return found;
}

// The row of a product at `now`, before what is about to happen to it: the one that there is, or a
// new one.
ProductRow row_to_change(const std::optional<ProductRow>& before, const ProductId& product,
                         Timestamp now) {
  if (before) {
    ProductRow row = *before;
    row.entitlement.updated_at = moved_updated_at(before->entitlement.updated_at, now);
    return row;
  }
  return {.entitlement = {.product = product.str(),
                          .enabled = false,
                          .active = false,
                          .config_json = "{}",
                          .expires_at = {},
                          .created_at = now,
                          .updated_at = now},
          .origin = {}};
}

void write_product(Connection& db, const Uuid& tenant_id, const ProductRow& row, bool exists) {
  const auto& [entitlement, origin] = row;
  if (!exists) {
    db.run(kInsertProduct, tenant_id, entitlement.product, entitlement.enabled,
           entitlement.expires_at, origin.requested_at, origin.trial_started_at,
           entitlement.created_at, entitlement.updated_at);
    return;
  }
  const auto changed = db.run(kUpdateProduct, tenant_id, entitlement.product, entitlement.enabled,
                              entitlement.expires_at, origin.requested_at, origin.trial_started_at,
                              entitlement.updated_at);
  if (changed != 1) throw std::logic_error("sqlite: a product changed under the write lock");
}

}  // namespace

Result<std::vector<Entitlement>> SqliteStore::entitlements(
    const TenantScope& scope, const Uuid& tenant_id, const std::optional<ProductId>& product) {
  const Pool::Lease db(*pool_);
  auto found = find_products(*db, scope, tenant_id, product, clock_.now());
  if (!found) return fail(tenant_not_found());
  std::vector<Entitlement> all;
  for (ProductRow& row : found->rows) all.push_back(std::move(row.entitlement));
  return all;
}

Result<std::vector<ProductStanding>> SqliteStore::product_standings(const TenantScope& scope,
                                                                    const Uuid& tenant_id) {
  const Pool::Lease db(*pool_);
  auto found = find_products(*db, scope, tenant_id, std::nullopt, clock_.now());
  if (!found) return fail(tenant_not_found());
  std::vector<ProductStanding> standings;
  for (ProductRow& row : found->rows) {
    const ProductState state = product_state(row.entitlement, row.origin);
    standings.push_back({.product = std::move(row.entitlement.product), .state = state});
  }
  return standings;
}

Result<Timestamp> SqliteStore::request_product(const TenantScope& scope, const Uuid& tenant_id,
                                               const ProductId& product,
                                               const std::optional<std::string>& note,
                                               const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  const auto found = find_products(*db, scope, tenant_id, product, now);
  if (!found) return fail(tenant_not_found());
  const auto before = found->only_row();
  if (auto refusal = request_refusal(found->status, before)) return fail(std::move(*refusal));
  if (before && is_request_pending(before->entitlement.enabled, before->origin)) {
    return *before->origin.requested_at;
  }
  ProductRow row = row_to_change(before, product, now);
  row.entitlement.enabled = false;
  row.origin.requested_at = now;
  write_product(*db, tenant_id, row, before.has_value());
  insert_audit_event(*db, product_requested_event(tenant_id, product, note, origin), now);
  transaction.commit();
  return now;
}

Result<Entitlement> SqliteStore::start_trial(const TenantScope& scope, const Uuid& tenant_id,
                                             const ProductId& product, int trial_days,
                                             const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  const auto found = find_products(*db, scope, tenant_id, product, now);
  if (!found) return fail(tenant_not_found());
  const auto before = found->only_row();
  if (auto refusal = trial_refusal(found->status, before)) return fail(std::move(*refusal));
  ProductRow row = row_to_change(before, product, now);
  row.entitlement.enabled = true;
  row.entitlement.active = true;
  row.entitlement.expires_at = add_days(now, trial_days);
  row.origin = {.requested_at = {}, .trial_started_at = now};
  write_product(*db, tenant_id, row, before.has_value());
  insert_audit_event(*db, trial_started_event(tenant_id, product, trial_days, origin), now);
  transaction.commit();
  return std::move(row.entitlement);
}

}  // namespace registry::sqlite
