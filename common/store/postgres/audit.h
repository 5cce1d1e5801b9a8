#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/store/postgres/connection.h"
#include "common/store/store.h"

// AuditStore, over a connection. What the database says against an operation is thrown.
namespace registry::postgres {

// Also refused, as kInvalidRequest naming the first such event's metadata: JSON that JSONB cannot
// hold, such as a number of more than 131,072 digits before or 16,383 behind its point.
[[nodiscard]] Result<std::vector<AuditReceipt>> append_audit_events(
    Connection& db, std::span<const AuditSubmission> events);
[[nodiscard]] AuditPage audit_events(Connection& db, const AuditQuery& query);

}  // namespace registry::postgres
