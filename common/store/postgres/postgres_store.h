#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/postgres/append_groups.h"
#include "common/store/postgres/pool.h"
#include "common/store/store.h"

namespace registry::postgres {

// The newest version of migrations/: what the statements of this program were written for.
extern const int kNeededSchemaVersion;

// How long a small append waits for the one under way, to be one statement with others that wait.
inline constexpr std::chrono::milliseconds kGroupPatience{100};

// The store in a Postgres database, shared by any number of processes and machines. The time is the
// database's.
class PostgresStore final : public Store {
 public:
  // Connects before the first operation, not earlier.
  explicit PostgresStore(std::shared_ptr<Pool> pool);

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
  void on_wait(const std::function<void()>& before_wait) override {
    append_groups_.on_wait(before_wait);
  }

 private:
  // Gives what `work` gives for a connection. Throws SqlError, and what a Lease throws.
  template <class Work>
  auto lend(const Work& work) -> decltype(work(std::declval<Connection&>()));
  // Turns what the database says against `work` into a Result or an outage. `work` is one
  // transaction, and runs again when it lost against another one.
  template <class Work>
  static auto run(const Work& work) -> decltype(work());
  // Both.
  template <class Work>
  auto with_connection(const Work& work) -> decltype(work(std::declval<Connection&>()));

  const std::shared_ptr<Pool> pool_;
  AppendGroups append_groups_{kGroupPatience};
};

}  // namespace registry::postgres
