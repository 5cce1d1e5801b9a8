#pragma once

#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/domain/tenant.h"

namespace registry {

// What a tenant may use of a product.
struct Entitlement {
  std::string product;
  bool enabled = false;
  bool active = false;      // as is_active() says at the time of reading
  std::string config_json;  // an object, exactly as stored
  std::optional<Timestamp> expires_at;
  Timestamp created_at;
  Timestamp updated_at;

  bool operator==(const Entitlement&) const = default;
};

// An entitlement counts while it is enabled, not expired, and its tenant is not archived. It has
// expired from the microsecond of `expires_at` on.
[[nodiscard]] constexpr bool is_active(bool enabled, const std::optional<Timestamp>& expires_at,
                                       TenantStatus tenant_status, Timestamp now) {
  return enabled && (!expires_at || now < *expires_at) && tenant_status != TenantStatus::kArchived;
}

}  // namespace registry
