#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/auth/claims.h"
#include "common/domain/uuid.h"

namespace registry::auth {

// Who calls, as proven by a token.
struct Principal {
  std::string id;                   // of the person or service account at the issuer
  std::optional<std::string> name;  // for people to recognise it by
  std::string client;               // of a service: the id of its product
  bool is_administrator = false;
  bool is_service = false;
  bool is_manager = false;  // of the tenants below
  // Its tenants: by id, and by slug where the issuer gives no id. Neither is ever read as the
  // other.
  std::vector<Uuid> tenant_ids = {};
  std::vector<std::string> tenant_slugs = {};

  [[nodiscard]] bool is_member() const { return !tenant_ids.empty() || !tenant_slugs.empty(); }
};

// The roles are `registry-admin`, `registry-service` and `tenant-admin`. An alias that cannot be a
// slug names no tenant, and is left out.
[[nodiscard]] Principal principal_of(const Claims& claims);

}  // namespace registry::auth
