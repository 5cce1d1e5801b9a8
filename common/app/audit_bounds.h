#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/app/audit_input.h"
#include "common/base/error.h"
#include "common/domain/tenant_scope.h"

namespace registry {

// Makes a batch one of a caller who is bound to one product, or to one tenant: an event that names
// none is about theirs. Hashes stay as they are: they are of what was received. Tenants that events
// do name are the store's to look at. Returns an error for each event that names another product.
[[nodiscard]] std::vector<FieldError> bind_batch(AuditBatch& batch, const TenantScope& tenants,
                                                 const std::optional<std::string>& product);

}  // namespace registry
