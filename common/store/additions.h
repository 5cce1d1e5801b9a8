#pragma once

#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/domain/entitlement.h"
#include "common/domain/tenant.h"
#include "common/store/store.h"

// What requests, trials, keys and audit events come to apart from SQL: pure functions of what is
// there. The backends share them, so that they cannot come to different decisions.
namespace registry {

// A tenant's row for a product.
struct ProductRow {
  Entitlement entitlement;
  EntitlementOrigin origin;
};

// Why a tenant in this status takes no new keys, requests or trials; nothing where it does.
// kTenantFrozen or kTenantArchived.
[[nodiscard]] std::optional<Error> refusal_of_additions(TenantStatus status);

// Why a tenant cannot ask for a product that it has this row for, if any; nothing where it can, or
// has done so already: then is_request_pending(), and nothing is to be written.
// kTenantFrozen, kTenantArchived, kAlreadyEntitled.
[[nodiscard]] std::optional<Error> request_refusal(TenantStatus status,
                                                   const std::optional<ProductRow>& row);

// Why a tenant cannot try a product that it has this row for, if any; nothing where it can.
// kTenantFrozen, kTenantArchived, kTrialAlreadyUsed, kAlreadyEntitled.
[[nodiscard]] std::optional<Error> trial_refusal(TenantStatus status,
                                                 const std::optional<ProductRow>& row);

// The key that is made at `now`.
[[nodiscard]] ApiKey new_api_key_row(const Uuid& id, const NewApiKey& key, Timestamp now);

// The receipt of an event that is appended with this id.
[[nodiscard]] AuditReceipt audit_receipt(std::int64_t id, const AuditSubmission& event);

// The errors of ApiKeyStore and AuditStore that SQL decides.
[[nodiscard]] Error api_key_not_found();
[[nodiscard]] Error api_key_name_taken();
[[nodiscard]] Error key_reused();

}  // namespace registry
