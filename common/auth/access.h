#pragma once

#include <optional>
#include <string>

#include "common/auth/principal.h"
#include "common/domain/api_key.h"
#include "common/domain/tenant_scope.h"
#include "common/http/operation.h"

namespace registry::auth {

// What somebody with a right to an operation may reach in one call of it.
struct Access {
  TenantScope tenants;                      // whose data
  std::optional<std::string> product = {};  // of this product alone; absent: of any
};

// The platform's own access, which without token verification is everybody's.
[[nodiscard]] Access unbounded_access();

// What `principal` may reach in an operation with these rights: by its widest role that has one.
// Nothing when none of its roles has a right.
[[nodiscard]] std::optional<Access> access_of(const Principal& principal,
                                              const http::Rights& rights);

// What a valid key may reach: the data of its tenant and, if it is for one, of its product.
[[nodiscard]] Access access_of(const ApiKey& key);

}  // namespace registry::auth
