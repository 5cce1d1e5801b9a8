#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/metrics.h"
#include "common/domain/uuid.h"
#include "common/store/store.h"

namespace registry {

// What one thread has had a store do.
struct StoreUse {
  std::chrono::nanoseconds duration{0};
  std::optional<Uuid> tenant_id;  // the last one that an operation was about, or found
};

// Hands every operation on to another store, counts those that fail, and notes for each thread how
// long they took and whose data they were about. A thread answers one request at a time, so that is
// what the log tells of a request; it is kept by thread because those who ask the store on behalf
// of a request (the gate, an export) know nothing of the log.
class MeasuredStore final : public Store {
 public:
  // Both must outlive it.
  MeasuredStore(Store& store, const Metrics& metrics) : store_(store), metrics_(metrics) {}

  // What the calling thread has used since it last asked, in whatever store.
  [[nodiscard]] static StoreUse take_use() noexcept;

  // For what is about a tenant that no operation was told: that of a key.
  static void note_tenant(const Uuid& id) noexcept;

  [[nodiscard]] Result<CreatedTenant> create_tenant(const NewTenant& tenant,
                                                    const ChangeOrigin& origin) override;
  [[nodiscard]] Result<Tenant> tenant_by_id(const TenantScope& scope, const Uuid& id) override;
  [[nodiscard]] Result<Tenant> tenant_by_slug(const TenantScope& scope, const Slug& slug) override;
  [[nodiscard]] Result<Tenant> activate_tenant(const TenantScope& scope, const Uuid& id,
                                               const Activation& activation,
                                               const ChangeOrigin& origin) override;
  [[nodiscard]] Result<Tenant> cancel_tenant(const TenantScope& scope, const Uuid& id,
                                             const std::optional<std::string>& reason,
                                             const ChangeOrigin& origin) override;

  [[nodiscard]] Result<std::vector<Entitlement>> entitlements(
      const TenantScope& scope, const Uuid& tenant_id,
      const std::optional<ProductId>& product) override;

  [[nodiscard]] Result<std::vector<ProductStanding>> product_standings(
      const TenantScope& scope, const Uuid& tenant_id) override;
  [[nodiscard]] Result<Timestamp> request_product(const TenantScope& scope, const Uuid& tenant_id,
                                                  const ProductId& product,
                                                  const std::optional<std::string>& note,
                                                  const ChangeOrigin& origin) override;
  [[nodiscard]] Result<Entitlement> start_trial(const TenantScope& scope, const Uuid& tenant_id,
                                                const ProductId& product, int trial_days,
                                                const ChangeOrigin& origin) override;

  [[nodiscard]] Result<ApiKey> create_api_key(const TenantScope& scope, const NewApiKey& key,
                                              const ChangeOrigin& origin) override;
  [[nodiscard]] Result<std::vector<ApiKey>> api_keys(const TenantScope& scope,
                                                     const Uuid& tenant_id,
                                                     bool include_revoked) override;
  [[nodiscard]] Status revoke_api_key(const TenantScope& scope, const Uuid& id,
                                      const ChangeOrigin& origin) override;
  [[nodiscard]] std::vector<ApiKeyCandidate> api_keys_by_prefix(
      std::string_view prefix, const std::optional<ProductId>& product) override;
  [[nodiscard]] std::size_t note_key_uses(std::span<const KeyUse> uses) override;

  [[nodiscard]] Result<std::vector<AuditReceipt>> append_audit_events(
      const TenantScope& scope, std::span<const AuditSubmission> events) override;
  [[nodiscard]] Status check_audit_events(const TenantScope& scope,
                                          std::span<const AuditSubmission> events) override;
  [[nodiscard]] Result<std::vector<AuditReceipt>> append_audit_events_once(
      const TenantScope& scope, std::span<const AuditSubmission> events,
      const IdempotencyKey& key) override;
  [[nodiscard]] Result<AuditPage> audit_events(const TenantScope& scope,
                                               const AuditQuery& query) override;

  [[nodiscard]] Health check_health() override;
  void on_wait(const std::function<void()>& before_wait) override { store_.on_wait(before_wait); }

 private:
  template <class Operation>
  auto measured(const std::optional<Uuid>& tenant_id, Operation operation) -> decltype(operation());

  Store& store_;
  const Metrics& metrics_;
};

}  // namespace registry
