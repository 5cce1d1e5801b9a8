#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/store.h"

namespace registry::test {

// A store that is never to be asked: a test overrides what it does ask.
class UnaskedStore : public Store {
 public:
  Result<CreatedTenant> create_tenant(const NewTenant& /*tenant*/,
                                      const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<Tenant> tenant_by_id(const TenantScope& /*scope*/, const Uuid& /*id*/) override {
    refuse();
  }
  Result<Tenant> tenant_by_slug(const TenantScope& /*scope*/, const Slug& /*slug*/) override {
    refuse();
  }
  Result<Tenant> activate_tenant(const TenantScope& /*scope*/, const Uuid& /*id*/,
                                 const Activation& /*activation*/,
                                 const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<Tenant> cancel_tenant(const TenantScope& /*scope*/, const Uuid& /*id*/,
                               const std::optional<std::string>& /*reason*/,
                               const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<std::vector<Entitlement>> entitlements(
      const TenantScope& /*scope*/, const Uuid& /*tenant_id*/,
      const std::optional<ProductId>& /*product*/) override {
    refuse();
  }
  Result<std::vector<ProductStanding>> product_standings(const TenantScope& /*scope*/,
                                                         const Uuid& /*tenant_id*/) override {
    refuse();
  }
  Result<Timestamp> request_product(const TenantScope& /*scope*/, const Uuid& /*tenant_id*/,
                                    const ProductId& /*product*/,
                                    const std::optional<std::string>& /*note*/,
                                    const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<Entitlement> start_trial(const TenantScope& /*scope*/, const Uuid& /*tenant_id*/,
                                  const ProductId& /*product*/, int /*trial_days*/,
                                  const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<ApiKey> create_api_key(const TenantScope& /*scope*/, const NewApiKey& /*key*/,
                                const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  Result<std::vector<ApiKey>> api_keys(const TenantScope& /*scope*/, const Uuid& /*tenant_id*/,
                                       bool /*include_revoked*/) override {
    refuse();
  }
  Status revoke_api_key(const TenantScope& /*scope*/, const Uuid& /*id*/,
                        const ChangeOrigin& /*origin*/) override {
    refuse();
  }
  std::vector<ApiKeyCandidate> api_keys_by_prefix(
      std::string_view /*prefix*/, const std::optional<ProductId>& /*product*/) override {
    refuse();
  }
  std::size_t note_key_uses(std::span<const KeyUse> /*uses*/) override { refuse(); }
  Result<std::vector<AuditReceipt>> append_audit_events(
      const TenantScope& /*scope*/, std::span<const AuditSubmission> /*events*/) override {
    refuse();
  }
  Status check_audit_events(const TenantScope& /*scope*/,
                            std::span<const AuditSubmission> /*events*/) override {
    refuse();
  }
  Result<std::vector<AuditReceipt>> append_audit_events_once(
      const TenantScope& /*scope*/, std::span<const AuditSubmission> /*events*/,
      const IdempotencyKey& /*key*/) override {
    refuse();
  }
  Result<AuditPage> audit_events(const TenantScope& /*scope*/,
                                 const AuditQuery& /*query*/) override {
    refuse();
  }
  Health check_health() override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw std::logic_error("the store was asked"); }
};

}  // namespace registry::test
