#include "common/store/postgres/products.h"

#include <algorithm>
#include <utility>

#include "common/store/audit_metadata.h"
#include "common/store/postgres/product_statements.h"
#include "common/store/postgres/readers.h"
#include "common/store/postgres/scope.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

// The tenant's rows, sorted by product; only that of `product`, where it is given.
Result<std::vector<ProductRow>> product_rows(Connection& db, const TenantScope& scope,
                                             const Uuid& tenant_id,
                                             const std::optional<ProductId>& product) {
  const Rows rows = query_in_scope(db, scope, kProducts, tenant_id, text_of(product));
  if (rows.count() == 0) return fail(tenant_not_found());
  const TenantStatus status = read_status(rows, 0, 0);
  const auto now = rows.get<Timestamp>(0, 1);
  std::vector<ProductRow> found;
  for (int row = 0; row < rows.count(); ++row) {
    if (auto product_row = read_product(rows, row, 2, status, now)) {
      found.push_back(std::move(*product_row));
    }
  }
  std::sort(found.begin(), found.end(), [](const ProductRow& left, const ProductRow& right) {
    return left.entitlement.product < right.entitlement.product;
  });
  return found;
}

// What a statement that ends with ANSWER_PRODUCT has done.
struct ProductChange {
  TenantStatus status;
  std::optional<ProductRow> after;   // what was written, if anything
  std::optional<ProductRow> before;  // what stood in the way otherwise
};

// Nothing where there is no such tenant.
std::optional<ProductChange> read_change(const Rows& rows) {
  if (rows.count() == 0) return std::nullopt;
  const TenantStatus status = read_status(rows, 0, 0);
  const auto now = rows.get<Timestamp>(0, 1);
  return ProductChange{.status = status,
                       .after = read_product(rows, 0, 2, status, now),
                       .before = read_product(rows, 0, 2 + kProductColumnCount, status, now)};
}

[[noreturn]] void throw_restless() {
  throw StoreUnavailable("postgres: the tenant's product changes all the time");
}

}  // namespace

Result<std::vector<Entitlement>> entitlements(Connection& db, const TenantScope& scope,
                                              const Uuid& tenant_id,
                                              const std::optional<ProductId>& product) {
  auto rows = product_rows(db, scope, tenant_id, product);
  if (!rows) return fail(std::move(rows.error()));
  std::vector<Entitlement> found;
  found.reserve(rows->size());
  for (ProductRow& row : *rows) found.push_back(std::move(row.entitlement));
  return found;
}

Result<std::vector<ProductStanding>> product_standings(Connection& db, const TenantScope& scope,
                                                       const Uuid& tenant_id) {
  auto rows = product_rows(db, scope, tenant_id, std::nullopt);
  if (!rows) return fail(std::move(rows.error()));
  std::vector<ProductStanding> found;
  found.reserve(rows->size());
  for (ProductRow& row : *rows) {
    const ProductState state = product_state(row.entitlement, row.origin);
    found.push_back({.product = std::move(row.entitlement.product), .state = state});
  }
  return found;
}

Result<Timestamp> request_product(Connection& db, const TenantScope& scope, const Uuid& tenant_id,
                                  const ProductId& product, const std::optional<std::string>& note,
                                  const ChangeOrigin& origin) {
  const std::string metadata =
      product_requested_event(tenant_id, product, note, origin).metadata_json;
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    const auto change =
        read_change(query_in_scope(db, scope, kRequestProduct, tenant_id, statuses_with_additions(),
                                   product.str(), metadata, origin.actor_id, origin.actor_name,
                                   origin.actor_type, origin.source_ip, origin.user_agent));
    if (!change) return fail(tenant_not_found());
    if (change->after) return change->after->origin.requested_at.value();
    const auto& before = change->before;
    if (auto refusal = request_refusal(change->status, before)) return fail(std::move(*refusal));
    if (before && is_request_pending(before->entitlement.enabled, before->origin)) {
      return before->origin.requested_at.value();
    }
    // The row was made since the statement began: the next one sees it.
  }
  throw_restless();
}

Result<Entitlement> start_trial(Connection& db, const TenantScope& scope, const Uuid& tenant_id,
                                const ProductId& product, int trial_days,
                                const ChangeOrigin& origin) {
  const std::string metadata =
      trial_started_event(tenant_id, product, trial_days, origin).metadata_json;
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    auto change = read_change(
        query_in_scope(db, scope, kStartTrial, tenant_id, statuses_with_additions(), product.str(),
                       trial_days, metadata, origin.actor_id, origin.actor_name, origin.actor_type,
                       origin.source_ip, origin.user_agent));
    if (!change) return fail(tenant_not_found());
    if (change->after) return std::move(change->after->entitlement);
    if (auto refusal = trial_refusal(change->status, change->before)) {
      return fail(std::move(*refusal));
    }
    // As in request_product().
  }
  throw_restless();
}

}  // namespace registry::postgres
