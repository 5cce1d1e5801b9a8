#include "common/store/additions.h"

#include <string>

#include "common/crypto/audit_hash.h"

namespace registry {
namespace {

bool is_entitled(const std::optional<ProductRow>& row) {
  return row && row->entitlement.active;
}

Error already_entitled() {
  return failure(ErrorCode::kAlreadyEntitled, "The tenant is entitled to this product already.");
}

}  // namespace

std::optional<Error> refusal_of_additions(TenantStatus status) {
  if (status == TenantStatus::kFrozen) {
    return failure(ErrorCode::kTenantFrozen, "The tenant is frozen: it can be read, not extended.");
  }
  if (status == TenantStatus::kArchived) {
    return failure(ErrorCode::kTenantArchived, "The tenant is archived: only its trail is kept.");
  }
  return std::nullopt;
}

std::optional<Error> request_refusal(TenantStatus status, const std::optional<ProductRow>& row) {
  if (auto refusal = refusal_of_additions(status)) return refusal;
  if (is_entitled(row)) return already_entitled();
  return std::nullopt;
}

std::optional<Error> trial_refusal(TenantStatus status, const std::optional<ProductRow>& row) {
  if (auto refusal = refusal_of_additions(status)) return refusal;
  if (row && row->origin.trial_started_at) {
    return failure(ErrorCode::kTrialAlreadyUsed, "The tenant has had its trial of this product.");
  }
  if (is_entitled(row)) return already_entitled();
  return std::nullopt;
}

AuditReceipt audit_receipt(std::int64_t id, const AuditSubmission& event) {
  return {.id = id, .hash = crypto::audit_hash(std::to_string(id), event.hash_tail)};
}

ApiKey new_api_key_row(const Uuid& id, const NewApiKey& key, Timestamp now) {
  return {.id = id,
          .tenant_id = key.tenant_id,
          .product = text_of(key.product),
          .name = key.name,
          .scopes = key.scopes,
          .prefix = key.prefix,
          .created_by = key.created_by,
          .last_used_at = {},
          .revoked_at = {},
          .created_at = now};
}

Error api_key_not_found() {
  return not_found("There is no such API key.");
}

Error api_key_name_taken() {
  return failure(ErrorCode::kNameTaken, "Another key of the tenant has this name.");
}

Error key_reused() {
  return failure(ErrorCode::kKeyReused,
                 "The Idempotency-Key was used for another request of this caller.");
}

}  // namespace registry
