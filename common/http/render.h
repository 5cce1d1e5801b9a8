#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/domain/catalog.h"
#include "common/domain/entitlement.h"
#include "common/domain/tenant.h"

// The JSON of the domain's values, as openapi.yaml describes them; the order of members is stable.
namespace registry::http {

[[nodiscard]] std::string tenant_json(const Tenant& tenant);

[[nodiscard]] std::string entitlement_list_json(const Uuid& tenant_id,
                                                const std::vector<Entitlement>& entitlements);

[[nodiscard]] std::string catalog_json(const Catalog& catalog);

[[nodiscard]] std::string readiness_json(std::string_view store_kind, std::int64_t schema_version);

}  // namespace registry::http
