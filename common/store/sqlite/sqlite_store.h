#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/store/sqlite/pool.h"
#include "common/store/store.h"

namespace registry::sqlite {

// The store in a SQLite database, shared by any number of threads and processes.
class SqliteStore final : public Store {
 public:
  // Touches no file before the first operation. `clock` must outlive the store; it alone decides
  // what time it is.
  SqliteStore(std::shared_ptr<Pool> pool, const Clock& clock);

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

 private:
  const std::shared_ptr<Pool> pool_;
  const Clock& clock_;
};

}  // namespace registry::sqlite
