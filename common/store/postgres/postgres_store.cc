#include "common/store/postgres/postgres_store.h"

#include <chrono>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "common/store/postgres/api_keys.h"
#include "common/store/postgres/audit.h"
#include "common/store/postgres/constraints.h"
#include "common/store/postgres/outage.h"
#include "common/store/postgres/products.h"
#include "common/store/postgres/readers.h"
#include "common/store/postgres/tenants.h"

namespace registry::postgres {
namespace {

// The migrator's one row, none before the first migration; and whether nothing can be written here.
constexpr std::string_view kSchemaVersion =
    "SELECT version, dirty, current_setting('transaction_read_only') = 'on' FROM schema_migrations";

// Longer each time, and of different length for each of those that were in each other's way.
void pause_before_retry(int attempt) {
  constexpr int kLongestMs = 20;
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> pause_ms(1, kLongestMs * attempt);
  std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
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
auto PostgresStore::lend(const Work& work) -> decltype(work(std::declval<Connection&>())) {
  const Pool::Lease db(*pool_);
  auto result = work(*db);
  if (!db->prepares()) pool_->stop_preparing();
  return result;
}

template <class Work>
auto PostgresStore::run(const Work& work) -> decltype(work()) {
  for (int attempt = 1;; ++attempt) {
    try {
      return work();
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

template <class Work>
auto PostgresStore::with_connection(const Work& work)
    -> decltype(work(std::declval<Connection&>())) {
  return run([&] { return lend(work); });
}

Result<CreatedTenant> PostgresStore::create_tenant(const NewTenant& tenant,
                                                   const ChangeOrigin& origin) {
  return with_connection(
      [&](Connection& db) { return postgres::create_tenant(db, tenant, origin); });
}

Result<Tenant> PostgresStore::tenant_by_id(const TenantScope& scope, const Uuid& id) {
  return with_connection([&](Connection& db) { return postgres::tenant_by_id(db, scope, id); });
}

Result<Tenant> PostgresStore::tenant_by_slug(const TenantScope& scope, const Slug& slug) {
  return with_connection([&](Connection& db) { return postgres::tenant_by_slug(db, scope, slug); });
}

Result<Tenant> PostgresStore::activate_tenant(const TenantScope& scope, const Uuid& id,
                                              const Activation& activation,
                                              const ChangeOrigin& origin) {
  return with_connection(
      [&](Connection& db) { return postgres::activate_tenant(db, scope, id, activation, origin); });
}

Result<Tenant> PostgresStore::cancel_tenant(const TenantScope& scope, const Uuid& id,
                                            const std::optional<std::string>& reason,
                                            const ChangeOrigin& origin) {
  return with_connection(
      [&](Connection& db) { return postgres::cancel_tenant(db, scope, id, reason, origin); });
}

Result<std::vector<Entitlement>> PostgresStore::entitlements(
    const TenantScope& scope, const Uuid& tenant_id, const std::optional<ProductId>& product) {
  return with_connection(
      [&](Connection& db) { return postgres::entitlements(db, scope, tenant_id, product); });
}

Result<std::vector<ProductStanding>> PostgresStore::product_standings(const TenantScope& scope,
                                                                      const Uuid& tenant_id) {
  return with_connection(
      [&](Connection& db) { return postgres::product_standings(db, scope, tenant_id); });
}

Result<Timestamp> PostgresStore::request_product(const TenantScope& scope, const Uuid& tenant_id,
                                                 const ProductId& product,
                                                 const std::optional<std::string>& note,
                                                 const ChangeOrigin& origin) {
  return with_connection([&](Connection& db) {
    return postgres::request_product(db, scope, tenant_id, product, note, origin);
  });
}

Result<Entitlement> PostgresStore::start_trial(const TenantScope& scope, const Uuid& tenant_id,
                                               const ProductId& product, int trial_days,
                                               const ChangeOrigin& origin) {
  return with_connection([&](Connection& db) {
    return postgres::start_trial(db, scope, tenant_id, product, trial_days, origin);
  });
}

Result<ApiKey> PostgresStore::create_api_key(const TenantScope& scope, const NewApiKey& key,
                                             const ChangeOrigin& origin) {
  return with_connection(
      [&](Connection& db) { return postgres::create_api_key(db, scope, key, origin); });
}

Result<std::vector<ApiKey>> PostgresStore::api_keys(const TenantScope& scope, const Uuid& tenant_id,
                                                    bool include_revoked) {
  return with_connection(
      [&](Connection& db) { return postgres::api_keys(db, scope, tenant_id, include_revoked); });
}

Status PostgresStore::revoke_api_key(const TenantScope& scope, const Uuid& id,
                                     const ChangeOrigin& origin) {
  return with_connection(
      [&](Connection& db) { return postgres::revoke_api_key(db, scope, id, origin); });
}

std::vector<ApiKeyCandidate> PostgresStore::api_keys_by_prefix(
    std::string_view prefix, const std::optional<ProductId>& product) {
  return with_connection([&](Connection& db) -> Result<std::vector<ApiKeyCandidate>> {
           return postgres::api_keys_by_prefix(db, prefix, product);
         })
      .value();
}

std::size_t PostgresStore::note_key_uses(std::span<const KeyUse> uses) {
  return with_connection([&](Connection& db) -> Result<std::size_t> {
           return postgres::note_key_uses(db, uses);
         })
      .value();
}

Result<std::vector<AuditReceipt>> PostgresStore::append_audit_events(
    const TenantScope& scope, std::span<const AuditSubmission> events) {
  const auto append = [&](std::span<const AuditSubmission> together) {
    return lend([&](Connection& db) { return postgres::append_audit_events(db, scope, together); });
  };
  return run([&] { return append_groups_.run(scope, events, append); });
}

Status PostgresStore::check_audit_events(const TenantScope& scope,
                                         std::span<const AuditSubmission> events) {
  return with_connection(
      [&](Connection& db) { return postgres::check_audit_events(db, scope, events); });
}

Result<std::vector<AuditReceipt>> PostgresStore::append_audit_events_once(
    const TenantScope& scope, std::span<const AuditSubmission> events, const IdempotencyKey& key) {
  return with_connection(
      [&](Connection& db) { return postgres::append_audit_events_once(db, scope, events, key); });
}

Result<AuditPage> PostgresStore::audit_events(const TenantScope& scope, const AuditQuery& query) {
  return with_connection([&](Connection& db) { return postgres::audit_events(db, scope, query); });
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
