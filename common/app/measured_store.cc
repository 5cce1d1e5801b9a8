#include "common/app/measured_store.h"

#include <utility>

namespace registry {
namespace {

using SteadyClock = std::chrono::steady_clock;

// The one state of this program that belongs to a thread, see MeasuredStore.
thread_local StoreUse use_of_this_thread;

// The tenant that all events name, if it is one.
std::optional<Uuid> tenant_of(std::span<const AuditSubmission> events) {
  for (const AuditSubmission& event : events) {
    if (event.event.tenant_id != events.front().event.tenant_id) return std::nullopt;
  }
  return events.empty() ? std::nullopt : events.front().event.tenant_id;
}

}  // namespace

StoreUse MeasuredStore::take_use() noexcept {
  return std::exchange(use_of_this_thread, {});
}

void MeasuredStore::note_tenant(const Uuid& id) noexcept {
  use_of_this_thread.tenant_id = id;
}

template <class Operation>
auto MeasuredStore::measured(const std::optional<Uuid>& tenant_id, Operation operation)
    -> decltype(operation()) {
  struct Stopwatch {
    SteadyClock::time_point start = SteadyClock::now();
    ~Stopwatch() { use_of_this_thread.duration += SteadyClock::now() - start; }
  };
  if (tenant_id) use_of_this_thread.tenant_id = tenant_id;
  const Stopwatch stopwatch{};
  try {
    return operation();
  } catch (const StoreUnavailable&) {
    metrics_.count_store_failure(StoreFailure::kUnavailable);
    throw;
  } catch (...) {
    metrics_.count_store_failure(StoreFailure::kFailed);
    throw;
  }
}

Result<CreatedTenant> MeasuredStore::create_tenant(const NewTenant& tenant,
                                                   const ChangeOrigin& origin) {
  auto created = measured(std::nullopt, [&] { return store_.create_tenant(tenant, origin); });
  if (created) use_of_this_thread.tenant_id = created->tenant.id;
  return created;
}

Result<Tenant> MeasuredStore::tenant_by_id(const TenantScope& scope, const Uuid& id) {
  return measured(id, [&] { return store_.tenant_by_id(scope, id); });
}

Result<Tenant> MeasuredStore::tenant_by_slug(const TenantScope& scope, const Slug& slug) {
  auto tenant = measured(std::nullopt, [&] { return store_.tenant_by_slug(scope, slug); });
  if (tenant) use_of_this_thread.tenant_id = tenant->id;
  return tenant;
}

Result<Tenant> MeasuredStore::activate_tenant(const TenantScope& scope, const Uuid& id,
                                              const Activation& activation,
                                              const ChangeOrigin& origin) {
  return measured(id, [&] { return store_.activate_tenant(scope, id, activation, origin); });
}

Result<Tenant> MeasuredStore::cancel_tenant(const TenantScope& scope, const Uuid& id,
                                            const std::optional<std::string>& reason,
                                            const ChangeOrigin& origin) {
  return measured(id, [&] { return store_.cancel_tenant(scope, id, reason, origin); });
}

Result<std::vector<Entitlement>> MeasuredStore::entitlements(
    const TenantScope& scope, const Uuid& tenant_id, const std::optional<ProductId>& product) {
  return measured(tenant_id, [&] { return store_.entitlements(scope, tenant_id, product); });
}

Result<std::vector<ProductStanding>> MeasuredStore::product_standings(const TenantScope& scope,
                                                                      const Uuid& tenant_id) {
  return measured(tenant_id, [&] { return store_.product_standings(scope, tenant_id); });
}

Result<Timestamp> MeasuredStore::request_product(const TenantScope& scope, const Uuid& tenant_id,
                                                 const ProductId& product,
                                                 const std::optional<std::string>& note,
                                                 const ChangeOrigin& origin) {
  return measured(tenant_id,
                  [&] { return store_.request_product(scope, tenant_id, product, note, origin); });
}

Result<Entitlement> MeasuredStore::start_trial(const TenantScope& scope, const Uuid& tenant_id,
                                               const ProductId& product, int trial_days,
                                               const ChangeOrigin& origin) {
  return measured(
      tenant_id, [&] { return store_.start_trial(scope, tenant_id, product, trial_days, origin); });
}

Result<ApiKey> MeasuredStore::create_api_key(const TenantScope& scope, const NewApiKey& key,
                                             const ChangeOrigin& origin) {
  return measured(key.tenant_id, [&] { return store_.create_api_key(scope, key, origin); });
}

Result<std::vector<ApiKey>> MeasuredStore::api_keys(const TenantScope& scope, const Uuid& tenant_id,
                                                    bool include_revoked) {
  return measured(tenant_id, [&] { return store_.api_keys(scope, tenant_id, include_revoked); });
}

Status MeasuredStore::revoke_api_key(const TenantScope& scope, const Uuid& id,
                                     const ChangeOrigin& origin) {
  return measured(std::nullopt, [&] { return store_.revoke_api_key(scope, id, origin); });
}

std::vector<ApiKeyCandidate> MeasuredStore::api_keys_by_prefix(
    std::string_view prefix, const std::optional<ProductId>& product) {
  return measured(std::nullopt, [&] { return store_.api_keys_by_prefix(prefix, product); });
}

std::size_t MeasuredStore::note_key_uses(std::span<const KeyUse> uses) {
  return measured(std::nullopt, [&] { return store_.note_key_uses(uses); });
}

Result<std::vector<AuditReceipt>> MeasuredStore::append_audit_events(
    const TenantScope& scope, std::span<const AuditSubmission> events) {
  return measured(tenant_of(events), [&] { return store_.append_audit_events(scope, events); });
}

Status MeasuredStore::check_audit_events(const TenantScope& scope,
                                         std::span<const AuditSubmission> events) {
  return measured(tenant_of(events), [&] { return store_.check_audit_events(scope, events); });
}

Result<std::vector<AuditReceipt>> MeasuredStore::append_audit_events_once(
    const TenantScope& scope, std::span<const AuditSubmission> events, const IdempotencyKey& key) {
  return measured(tenant_of(events),
                  [&] { return store_.append_audit_events_once(scope, events, key); });
}

Result<AuditPage> MeasuredStore::audit_events(const TenantScope& scope, const AuditQuery& query) {
  return measured(query.tenant_id, [&] { return store_.audit_events(scope, query); });
}

Store::Health MeasuredStore::check_health() {
  return measured(std::nullopt, [&] { return store_.check_health(); });
}

}  // namespace registry
