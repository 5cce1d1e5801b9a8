#include "common/domain/entitlement.h"

#include "tests/support/catch.h"

namespace registry {
namespace {

constexpr Timestamp kEnd{1'779'185'415'123'456};

Entitlement entitlement(bool enabled, bool active, bool ends) {
  Entitlement made{.product = "certifai",
                   .enabled = enabled,
                   .active = active,
                   .config_json = "{}",
                   .expires_at = {},
                   .created_at = kEnd,
                   .updated_at = kEnd};
  if (ends) made.expires_at = kEnd;
  return made;
}

EntitlementOrigin origin(bool requested, bool tried) {
  EntitlementOrigin made;
  if (requested) made.requested_at = kEnd;
  if (tried) made.trial_started_at = kEnd;
  return made;
}

TEST_CASE("ProductState: each has the name that the API gives it") {
  CHECK(to_string(ProductState::kAvailable) == "available");
  CHECK(to_string(ProductState::kRequested) == "requested");
  CHECK(to_string(ProductState::kTrial) == "trial");
  CHECK(to_string(ProductState::kActive) == "active");
  CHECK(to_string(ProductState::kExpired) == "expired");
  CHECK_THROWS_AS(to_string(static_cast<ProductState>(99)), std::logic_error);
}

TEST_CASE("is_request_pending: from the request until the entitlement is enabled") {
  CHECK(is_request_pending(false, origin(true, false)));
  CHECK(is_request_pending(false, origin(true, true)));
  CHECK_FALSE(is_request_pending(true, origin(true, false)));
  CHECK_FALSE(is_request_pending(false, origin(false, false)));
  CHECK_FALSE(is_request_pending(false, origin(false, true)));
}

TEST_CASE("product_state: the whole table") {
  struct Row {
    bool enabled;
    bool active;
    bool ends;
    bool requested;
    bool tried;
    ProductState state;
  };
  using enum ProductState;
  // What is active is enabled; what is enabled and not active has ended, or its tenant is archived.
  const Row row = GENERATE(
      Row{false, false, false, false, false, kAvailable},
      Row{false, false, true, false, false, kAvailable},
      Row{false, false, false, true, false, kRequested},
      Row{false, false, true, true, false, kRequested},
      Row{false, false, false, true, true, kRequested},
      Row{false, false, true, true, true, kRequested},
      Row{false, false, false, false, true, kExpired},
      Row{false, false, true, false, true, kExpired}, Row{true, true, false, false, false, kActive},
      Row{true, true, true, false, false, kActive}, Row{true, true, false, true, false, kActive},
      Row{true, true, true, true, false, kActive}, Row{true, true, false, false, true, kActive},
      Row{true, true, false, true, true, kActive}, Row{true, true, true, false, true, kTrial},
      Row{true, true, true, true, true, kTrial}, Row{true, false, false, false, false, kExpired},
      Row{true, false, true, false, false, kExpired}, Row{true, false, true, true, false, kExpired},
      Row{true, false, true, false, true, kExpired}, Row{true, false, true, true, true, kExpired});
  CAPTURE(row.enabled, row.active, row.ends, row.requested, row.tried);
  const ProductState state = product_state(entitlement(row.enabled, row.active, row.ends),
                                           origin(row.requested, row.tried));
  CHECK(to_string(state) == to_string(row.state));
}

}  // namespace
}  // namespace registry
