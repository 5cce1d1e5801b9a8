#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/domain/tenant.h"
#include "common/store/postgres/connection.h"
#include "common/store/store.h"

// TenantStore, over a connection. What the database says against an operation is thrown.
namespace registry::postgres {

[[nodiscard]] Result<CreatedTenant> create_tenant(Connection& db, const NewTenant& tenant,
                                                  const ChangeOrigin& origin);
[[nodiscard]] Result<Tenant> tenant_by_id(Connection& db, const TenantScope& scope, const Uuid& id);
[[nodiscard]] Result<Tenant> tenant_by_slug(Connection& db, const TenantScope& scope,
                                            const Slug& slug);
[[nodiscard]] Result<Tenant> activate_tenant(Connection& db, const TenantScope& scope,
                                             const Uuid& id, const Activation& activation,
                                             const ChangeOrigin& origin);
[[nodiscard]] Result<Tenant> cancel_tenant(Connection& db, const TenantScope& scope, const Uuid& id,
                                           const std::optional<std::string>& reason,
                                           const ChangeOrigin& origin);

}  // namespace registry::postgres
