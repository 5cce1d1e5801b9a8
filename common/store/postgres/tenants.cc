#include "common/store/postgres/tenants.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/store/audit_metadata.h"
#include "common/store/postgres/readers.h"
#include "common/store/postgres/scope.h"
#include "common/store/postgres/tenant_statements.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

// The TENANT_COLUMNS of a row, from the column `at` on.
Tenant read_tenant(const Rows& rows, int row, int at) {
  Tenant tenant{.id = rows.get<Uuid>(row, at),
                .slug = rows.get<std::string>(row, at + 1),
                .name = rows.get<std::string>(row, at + 2),
                .status = read_status(rows, row, at + 3),
                .kind = require_valid(parse_tenant_kind(rows.get<std::string>(row, at + 4))),
                .plan = rows.get<std::string>(row, at + 5),
                .products = {},
                .erp_customer_id = rows.get<std::optional<std::string>>(row, at + 6),
                .stripe_cust_id = rows.get<std::optional<std::string>>(row, at + 7),
                .trial_ends_at = rows.get<std::optional<Timestamp>>(row, at + 8),
                .contract_start = rows.get<std::optional<Date>>(row, at + 9),
                .contract_end = rows.get<std::optional<Date>>(row, at + 10),
                .sales_owner = rows.get<std::optional<std::string>>(row, at + 11),
                .created_at = rows.get<Timestamp>(row, at + 12),
                .updated_at = rows.get<Timestamp>(row, at + 13)};
  if (tenant.status == TenantStatus::kArchived) return tenant;  // entitled to nothing
  tenant.products = rows.get<std::vector<std::string>>(row, at + 14);
  std::sort(tenant.products.begin(), tenant.products.end());
  return tenant;
}

Result<Tenant> found_tenant(const Rows& rows) {
  if (rows.count() == 0) return fail(tenant_not_found());
  return read_tenant(rows, 0, 0);
}

// The statuses that a transition may start from, as an array of the database.
std::vector<std::string> statuses_before(Transition transition) {
  return statuses_where(
      [&](TenantStatus from) { return next_status(from, transition).has_value(); });
}

// Where the database has written nothing: what the rules of the change say to that.
Result<Tenant> unchanged(const Tenant& before, Result<Tenant> after) {
  if (after && *after != before) {
    throw std::logic_error("postgres: the statement and the rules of a change disagree");
  }
  return after;
}

// What kCreateTenant answered; nothing where it has to be asked again.
std::optional<Result<CreatedTenant>> read_created(const Rows& rows, const NewTenant& tenant) {
  for (int row = 0; row < rows.count(); ++row) {
    Tenant found = read_tenant(rows, row, 1);
    const bool is_new = rows.get<bool>(row, 0);
    if (is_new) return CreatedTenant{.tenant = std::move(found), .replayed = false};
    if (tenant.id && found.id == *tenant.id) {
      if (!is_replay(found, tenant)) return fail(tenant_id_taken());
      return CreatedTenant{.tenant = std::move(found), .replayed = true};
    }
  }
  if (rows.count() > 0) return fail(slug_taken());
  return std::nullopt;
}

Rows run_create(Connection& db, const NewTenant& tenant, const ChangeOrigin& origin) {
  // The id and the times of this row are the database's to say; its status and entry are ours.
  const Tenant row = new_tenant_row(Uuid::from_bytes({}), tenant, {});
  std::optional<int> trial_days;
  if (row.trial_ends_at) trial_days = tenant.trial_days;
  return db.query(kCreateTenant, tenant.id, row.slug, row.name, to_string(row.status),
                  to_string(row.kind), row.plan, trial_days, row.sales_owner,
                  tenant_created_event(row, origin).metadata_json, origin.actor_id,
                  origin.actor_name, origin.actor_type, origin.source_ip, origin.user_agent);
}

}  // namespace

Result<CreatedTenant> create_tenant(Connection& db, const NewTenant& tenant,
                                    const ChangeOrigin& origin) {
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    auto created = read_created(run_create(db, tenant, origin), tenant);
    if (created) return std::move(*created);
  }
  throw StoreUnavailable("postgres: a tenant with this id or slug comes and goes");
}

Result<Tenant> tenant_by_id(Connection& db, const TenantScope& scope, const Uuid& id) {
  return found_tenant(query_in_scope(db, scope, kTenantById, id));
}

Result<Tenant> tenant_by_slug(Connection& db, const TenantScope& scope, const Slug& slug) {
  return found_tenant(query_in_scope(db, scope, kTenantBySlug, slug.str()));
}

Result<Tenant> activate_tenant(Connection& db, const TenantScope& scope, const Uuid& id,
                               const Activation& activation, const ChangeOrigin& origin) {
  static const std::vector<std::string> kFrom = statuses_before(Transition::kActivate);
  const Rows rows =
      query_in_scope(db, scope, kActivateTenant, id, kFrom, to_string(TenantStatus::kActive),
                     activation.plan, activation.contract_start, activation.contract_end,
                     activation.erp_customer_id, activation.stripe_cust_id, origin.actor_id,
                     origin.actor_name, origin.actor_type, origin.source_ip, origin.user_agent);
  if (rows.count() == 0) return fail(tenant_not_found());
  const Tenant before = read_tenant(rows, 0, 0);
  int at = kTenantColumnCount;
  const auto updated_at = rows.get<std::optional<Timestamp>>(0, at);
  if (!updated_at) return unchanged(before, activated(before, activation));
  // From here on it has happened, and is told as it is.
  Tenant after = before;
  after.status = TenantStatus::kActive;
  after.updated_at = *updated_at;
  after.plan = rows.get<std::string>(0, ++at);
  after.contract_start = rows.get<std::optional<Date>>(0, ++at);
  after.contract_end = rows.get<std::optional<Date>>(0, ++at);
  after.erp_customer_id = rows.get<std::optional<std::string>>(0, ++at);
  after.stripe_cust_id = rows.get<std::optional<std::string>>(0, ++at);
  return after;
}

Result<Tenant> cancel_tenant(Connection& db, const TenantScope& scope, const Uuid& id,
                             const std::optional<std::string>& reason, const ChangeOrigin& origin) {
  static const std::vector<std::string> kFrom = statuses_before(Transition::kCancel);
  const Rows rows = query_in_scope(
      db, scope, kCancelTenant, id, kFrom, to_string(TenantStatus::kFrozen), reason,
      origin.actor_id, origin.actor_name, origin.actor_type, origin.source_ip, origin.user_agent);
  if (rows.count() == 0) return fail(tenant_not_found());
  const Tenant before = read_tenant(rows, 0, 0);
  int at = kTenantColumnCount;
  const auto updated_at = rows.get<std::optional<Timestamp>>(0, at);
  if (!updated_at) return unchanged(before, cancelled(before, rows.get<Date>(0, at + 2)));
  Tenant after = before;
  after.status = TenantStatus::kFrozen;
  after.updated_at = *updated_at;
  after.contract_end = rows.get<std::optional<Date>>(0, at + 1);
  return after;
}

}  // namespace registry::postgres
