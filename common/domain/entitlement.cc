#include "common/domain/entitlement.h"

#include <stdexcept>

namespace registry {

std::string_view to_string(ProductState state) {
  switch (state) {
    case ProductState::kAvailable:
      return "available";
    case ProductState::kRequested:
      return "requested";
    case ProductState::kTrial:
      return "trial";
    case ProductState::kActive:
      return "active";
    case ProductState::kExpired:
      return "expired";
  }
  throw std::logic_error("a product state without a name");
}

ProductState product_state(const Entitlement& entitlement, const EntitlementOrigin& origin) {
  const bool was_tried = origin.trial_started_at.has_value();
  if (entitlement.active) {
    // Bought after a trial, with an end of its own, it cannot be told from one.
    return was_tried && entitlement.expires_at ? ProductState::kTrial : ProductState::kActive;
  }
  if (is_request_pending(entitlement.enabled, origin)) return ProductState::kRequested;
  return entitlement.enabled || was_tried ? ProductState::kExpired : ProductState::kAvailable;
}

}  // namespace registry
