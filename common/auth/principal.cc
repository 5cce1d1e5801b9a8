#include "common/auth/principal.h"

#include <algorithm>

#include "common/domain/rules.h"

namespace registry::auth {

Principal principal_of(const Claims& claims) {
  const auto has_role = [&](std::string_view role) {
    return std::find(claims.roles.begin(), claims.roles.end(), role) != claims.roles.end();
  };
  Principal principal{.id = claims.subject,
                      .name = claims.name,
                      .client = claims.client,
                      .is_administrator = has_role("registry-admin"),
                      .is_service = has_role("registry-service"),
                      .is_manager = has_role("tenant-admin")};
  for (const Organization& organization : claims.organizations) {
    if (organization.id) {
      principal.tenant_ids.push_back(*organization.id);
    } else if (Slug::parse(organization.alias)) {
      principal.tenant_slugs.push_back(organization.alias);
    }
  }
  return principal;
}

}  // namespace registry::auth
