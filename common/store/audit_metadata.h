#pragma once

#include <optional>
#include <string>

#include "common/domain/audit_event.h"
#include "common/domain/tenant.h"
#include "common/store/store.h"

// The audit entry of each change, as a pure function of what was and what is. The backends share
// it, so that a trail reads the same wherever it was written.
namespace registry {

// Metadata: {"to", "slug", "name", "kind", "plan"}.
[[nodiscard]] NewAuditEvent tenant_created_event(const Tenant& tenant, const ChangeOrigin& origin);

// Metadata: {"from", "to"}, and "changes": {member: {"from", "to"}} for each other member that the
// activation moved.
[[nodiscard]] NewAuditEvent tenant_activated_event(const Tenant& before, const Tenant& after,
                                                   const ChangeOrigin& origin);

// Metadata: {"from", "to", "contract_end"}, and "reason" when one was given.
[[nodiscard]] NewAuditEvent tenant_cancelled_event(const Tenant& before, const Tenant& after,
                                                   const std::optional<std::string>& reason,
                                                   const ChangeOrigin& origin);

}  // namespace registry
