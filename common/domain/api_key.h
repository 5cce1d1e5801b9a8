#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/domain/entitlement.h"
#include "common/domain/rules.h"
#include "common/domain/tenant.h"
#include "common/domain/uuid.h"

namespace registry {

// What a key may be used for, in the order given.
using Scopes = std::vector<std::string>;
inline constexpr std::size_t kScopeCountLimit = 64;

// How far behind its last use last_used_at may be. It tells which keys are in use, for which a
// minute is exact enough, and so a busy key costs one write in a minute instead of one in each use.
inline constexpr std::chrono::seconds kKeyUseResolution{60};

// An API key without its secret parts.
struct ApiKey {
  Uuid id;
  Uuid tenant_id;
  std::optional<std::string> product;  // absent: all products
  std::string name;
  Scopes scopes;
  std::string prefix;  // the first 11 characters of the plaintext, for people to recognise it
  std::optional<std::string> created_by;
  std::optional<Timestamp> last_used_at;
  std::optional<Timestamp> revoked_at;
  Timestamp created_at;

  bool operator==(const ApiKey&) const = default;
};

// A key that a presented plaintext may belong to, with all that its verification needs.
struct ApiKeyCandidate {
  ApiKey key;
  std::string hash;
  std::string tenant_slug;
  TenantStatus tenant_status = TenantStatus::kActive;
  std::optional<Entitlement> entitlement;  // of the product that was asked for, if there is one
  Timestamp read_at = {};  // when it was read, by the store's time: what its use may be noted with
};

// What comes of a presented plaintext.
enum class KeyVerdict {
  kValid,
  kMalformed,
  kNotFound,
  kRevoked,
  kTenantArchived,
  kWrongProduct,
  kInsufficientScope
};

// The code of the API: "VALID", "NOT_FOUND", …
[[nodiscard]] std::string_view to_string(KeyVerdict verdict);

// What a plaintext that has proven to be this key's may do: the first of kRevoked, kTenantArchived,
// kWrongProduct (the key is for another one than `product`) and kInsufficientScope (it lacks one of
// `scopes`, which are compared as they are: no character of a scope stands for others) that
// applies, else kValid.
[[nodiscard]] KeyVerdict verdict_on(const ApiKeyCandidate& candidate,
                                    const std::optional<ProductId>& product, const Scopes& scopes);

}  // namespace registry
