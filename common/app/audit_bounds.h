#pragma once

#include <optional>
#include <string>

#include "common/app/audit_input.h"
#include "common/base/result.h"
#include "common/domain/tenant_scope.h"

namespace registry {

// The batch of a caller who is bound to one product, or to one tenant: an event that names none is
// about theirs. Hashes stay as they are: they are of what was received. Tenants that events do name
// are the store's to look at.
// Errors: kForbidden (an event names another product).
[[nodiscard]] Result<AuditBatch> bounded_batch(AuditBatch batch, const TenantScope& tenants,
                                               const std::optional<std::string>& product);

}  // namespace registry
