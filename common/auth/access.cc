#include "common/auth/access.h"

namespace registry::auth {

Access unbounded_access() {
  return {.tenants = TenantScope::all()};
}

std::optional<Access> access_of(const Principal& principal, const http::Rights& rights) {
  if (principal.is_administrator && rights.administrator) return unbounded_access();
  if (principal.is_service && rights.service) {
    Access access = unbounded_access();
    if (rights.service_is_bound_to_product) access.product = principal.client;
    return access;
  }
  const bool is_manager = principal.is_manager && rights.manager;
  if (principal.is_member() && (is_manager || rights.member)) {
    return Access{.tenants = TenantScope::of(principal.tenant_ids, principal.tenant_slugs)};
  }
  return std::nullopt;
}

Access access_of(const ApiKey& key) {
  return {.tenants = TenantScope::of({key.tenant_id}, {}), .product = key.product};
}

}  // namespace registry::auth
