#include "common/domain/api_key.h"

#include <algorithm>
#include <stdexcept>

namespace registry {

std::string_view to_string(KeyVerdict verdict) {
  switch (verdict) {
    case KeyVerdict::kValid:
      return "VALID";
    case KeyVerdict::kMalformed:
      return "MALFORMED";
    case KeyVerdict::kNotFound:
      return "NOT_FOUND";
    case KeyVerdict::kRevoked:
      return "REVOKED";
    case KeyVerdict::kTenantArchived:
      return "TENANT_ARCHIVED";
    case KeyVerdict::kWrongProduct:
      return "WRONG_PRODUCT";
    case KeyVerdict::kInsufficientScope:
      return "INSUFFICIENT_SCOPE";
  }
  throw std::logic_error("a verdict without a name");
}

KeyVerdict verdict_on(const ApiKeyCandidate& candidate, const std::optional<ProductId>& product,
                      const Scopes& scopes) {
  const ApiKey& key = candidate.key;
  if (key.revoked_at) return KeyVerdict::kRevoked;
  if (candidate.tenant_status == TenantStatus::kArchived) return KeyVerdict::kTenantArchived;
  if (product && key.product && *key.product != product->str()) return KeyVerdict::kWrongProduct;
  const bool has_all = std::all_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
    return std::find(key.scopes.begin(), key.scopes.end(), scope) != key.scopes.end();
  });
  return has_all ? KeyVerdict::kValid : KeyVerdict::kInsufficientScope;
}

}  // namespace registry
