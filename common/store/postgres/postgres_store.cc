#include "common/store/postgres/postgres_store.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/store/audit_metadata.h"
#include "common/store/postgres/constraints.h"
#include "common/store/postgres/outage.h"
#include "common/store/postgres/statements.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

constexpr int kMaxAttempts = 3;

// Longer each time, and of different length for each of those that were in each other's way.
void pause_before_retry(int attempt) {
  constexpr int kLongestMs = 20;
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> pause_ms(1, kLongestMs * attempt);
  std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
}

template <class T>
T require_valid(const Parsed<T>& parsed) {
  if (!parsed) throw std::runtime_error("postgres: a stored value " + parsed.error());
  return *parsed;
}

// The TENANT_COLUMNS of a row, from the column `at` on.
Tenant read_tenant(const Rows& rows, int row, int at) {
  Tenant tenant{.id = rows.get<Uuid>(row, at),
                .slug = rows.get<std::string>(row, at + 1),
                .name = rows.get<std::string>(row, at + 2),
                .status = require_valid(parse_tenant_status(rows.get<std::string>(row, at + 3))),
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
  std::vector<std::string> statuses;
  for (const auto from : {TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive,
                          TenantStatus::kFrozen, TenantStatus::kArchived}) {
    if (next_status(from, transition)) statuses.emplace_back(to_string(from));
  }
  return statuses;
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

struct SchemaVersion {
  std::int64_t version = -1;  // -1: none
  bool is_dirty = false;
  bool is_read_only = false;
};

SchemaVersion read_version(Connection& db) {
  constexpr std::string_view kNoSuchTable = "42P01";
  try {
    const Rows rows = db.query(kSchemaVersion);
    if (rows.count() == 0) return {};
    return {.version = rows.get<std::int64_t>(0, 0),
            .is_dirty = rows.get<bool>(0, 1),
            .is_read_only = rows.get<bool>(0, 2)};
  } catch (const SqlError& error) {
    if (error.sqlstate() != kNoSuchTable) throw;
    return {};  // nobody has migrated this database yet
  }
}

}  // namespace

PostgresStore::PostgresStore(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}

template <class Work>
auto PostgresStore::with_connection(const Work& work)
    -> decltype(work(std::declval<Connection&>())) {
  for (int attempt = 1;; ++attempt) {
    try {
      const Pool::Lease db(*pool_);
      auto result = work(*db);
      if (!db->prepares()) pool_->stop_preparing();
      return result;
    } catch (const SqlError& error) {
      const Failure failure = classify(error.sqlstate());
      if (failure == Failure::kRetry && attempt < kMaxAttempts) {
        pause_before_retry(attempt);
        continue;
      }
      if (failure == Failure::kConstraint) {
        if (auto known = caller_error(error)) return fail(std::move(*known));
      }
      if (failure == Failure::kRetry || failure == Failure::kOutage) {
        throw outage(error);
      }
      throw;
    }
  }
}

Result<CreatedTenant> PostgresStore::create_tenant(const NewTenant& tenant,
                                                   const ChangeOrigin& origin) {
  return with_connection([&](Connection& db) -> Result<CreatedTenant> {
    for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
      auto created = read_created(run_create(db, tenant, origin), tenant);
      if (created) return std::move(*created);
    }
    throw StoreUnavailable("postgres: a tenant with this id or slug comes and goes");
  });
}

Result<Tenant> PostgresStore::tenant_by_id(const Uuid& id) {
  return with_connection([&](Connection& db) { return found_tenant(db.query(kTenantById, id)); });
}

Result<Tenant> PostgresStore::tenant_by_slug(const Slug& slug) {
  return with_connection(
      [&](Connection& db) { return found_tenant(db.query(kTenantBySlug, slug.str())); });
}

Result<Tenant> PostgresStore::activate_tenant(const Uuid& id, const Activation& activation,
                                              const ChangeOrigin& origin) {
  static const std::vector<std::string> kFrom = statuses_before(Transition::kActivate);
  return with_connection([&](Connection& db) -> Result<Tenant> {
    const Rows rows =
        db.query(kActivateTenant, id, kFrom, to_string(TenantStatus::kActive), activation.plan,
                 activation.contract_start, activation.contract_end, activation.erp_customer_id,
                 activation.stripe_cust_id, origin.actor_id, origin.actor_name, origin.actor_type,
                 origin.source_ip, origin.user_agent);
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
  });
}

Result<Tenant> PostgresStore::cancel_tenant(const Uuid& id,
                                            const std::optional<std::string>& reason,
                                            const ChangeOrigin& origin) {
  static const std::vector<std::string> kFrom = statuses_before(Transition::kCancel);
  return with_connection([&](Connection& db) -> Result<Tenant> {
    const Rows rows = db.query(kCancelTenant, id, kFrom, to_string(TenantStatus::kFrozen), reason,
                               origin.actor_id, origin.actor_name, origin.actor_type,
                               origin.source_ip, origin.user_agent);
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
  });
}

Result<std::vector<Entitlement>> PostgresStore::entitlements(
    const Uuid& tenant_id, const std::optional<ProductId>& product) {
  std::optional<std::string> product_id;
  if (product) product_id = product->str();
  return with_connection([&](Connection& db) -> Result<std::vector<Entitlement>> {
    const Rows rows = db.query(kEntitlements, tenant_id, product_id);
    if (rows.count() == 0) return fail(tenant_not_found());
    const TenantStatus status = require_valid(parse_tenant_status(rows.get<std::string>(0, 0)));
    const auto now = rows.get<Timestamp>(0, 1);
    std::vector<Entitlement> found;
    for (int row = 0; row < rows.count(); ++row) {
      auto name = rows.get<std::optional<std::string>>(row, 2);
      if (!name) break;  // the tenant without an entitlement
      const bool enabled = rows.get<bool>(row, 3);
      const auto expires_at = rows.get<std::optional<Timestamp>>(row, 5);
      found.push_back({.product = std::move(*name),
                       .enabled = enabled,
                       .active = is_active(enabled, expires_at, status, now),
                       .config_json = rows.get<std::string>(row, 4),
                       .expires_at = expires_at,
                       .created_at = rows.get<Timestamp>(row, 6),
                       .updated_at = rows.get<Timestamp>(row, 7)});
    }
    std::sort(found.begin(), found.end(),
              [](const auto& left, const auto& right) { return left.product < right.product; });
    return found;
  });
}

Store::Health PostgresStore::check_health() {
  const SchemaVersion found = with_connection([](Connection& db) -> Result<SchemaVersion> {
                                return read_version(db);
                              }).value();
  // A migration that began without a transaction and has not ended: what came before is there.
  const auto complete = found.is_dirty ? found.version - 1 : found.version;
  if (complete < kNeededSchemaVersion) {
    throw StoreUnavailable(
        "postgres: the schema has " +
        (found.version < 0 ? "no version" : "version " + std::to_string(found.version)) +
        (found.is_dirty ? " (dirty)" : "") + "; this program needs version " +
        std::to_string(kNeededSchemaVersion) + ", see migrate status");
  }
  if (found.is_read_only) {
    throw StoreUnavailable("postgres: the server is read-only: a standby, or set so");
  }
  return {.kind = "postgres", .schema_version = found.version};
}

}  // namespace registry::postgres
