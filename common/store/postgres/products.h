#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/entitlement.h"
#include "common/store/postgres/connection.h"
#include "common/store/store.h"

// EntitlementStore and ProductRequestStore, over a connection. What the database says against an
// operation is thrown.
namespace registry::postgres {

[[nodiscard]] Result<std::vector<Entitlement>> entitlements(
    Connection& db, const TenantScope& scope, const Uuid& tenant_id,
    const std::optional<ProductId>& product);
[[nodiscard]] Result<std::vector<ProductStanding>> product_standings(Connection& db,
                                                                     const TenantScope& scope,
                                                                     const Uuid& tenant_id);
[[nodiscard]] Result<Timestamp> request_product(Connection& db, const TenantScope& scope,
                                                const Uuid& tenant_id, const ProductId& product,
                                                const std::optional<std::string>& note,
                                                const ChangeOrigin& origin);
[[nodiscard]] Result<Entitlement> start_trial(Connection& db, const TenantScope& scope,
                                              const Uuid& tenant_id, const ProductId& product,
                                              int trial_days, const ChangeOrigin& origin);

}  // namespace registry::postgres
