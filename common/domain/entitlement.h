#pragma once

#include <optional>
#include <string>
#include <string_view>

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

// What a tenant's entitlement says about a product of the catalog, for people who look at it.
// available: nothing stands in the way of asking for it. requested: asked for, and not decided.
// trial: active, and ends by itself. active: in use. expired: was in use, or has been tried.
enum class ProductState { kAvailable, kRequested, kTrial, kActive, kExpired };

[[nodiscard]] std::string_view to_string(ProductState state);

// How an entitlement came about, as its row tells.
struct EntitlementOrigin {
  std::optional<Timestamp> requested_at;      // of the request that is pending
  std::optional<Timestamp> trial_started_at;  // stays for good: a trial is given once
};

// A request is pending from its moment until the entitlement is enabled.
[[nodiscard]] constexpr bool is_request_pending(bool enabled, const EntitlementOrigin& origin) {
  return !enabled && origin.requested_at.has_value();
}

[[nodiscard]] ProductState product_state(const Entitlement& entitlement,
                                         const EntitlementOrigin& origin);

// Where a tenant stands with a product that it has a row for.
struct ProductStanding {
  std::string product;
  ProductState state = ProductState::kAvailable;

  bool operator==(const ProductStanding&) const = default;
};

}  // namespace registry
