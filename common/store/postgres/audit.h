#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/store/postgres/connection.h"
#include "common/store/store.h"

// AuditStore, over a connection. What the database says against an operation is thrown.
namespace registry::postgres {

[[nodiscard]] Result<std::vector<AuditReceipt>> append_audit_events(
    Connection& db, const TenantScope& scope, std::span<const AuditSubmission> events);
[[nodiscard]] Status check_audit_events(Connection& db, const TenantScope& scope,
                                        std::span<const AuditSubmission> events);
[[nodiscard]] Result<std::vector<AuditReceipt>> append_audit_events_once(
    Connection& db, const TenantScope& scope, std::span<const AuditSubmission> events,
    const IdempotencyKey& key);
[[nodiscard]] Result<AuditPage> audit_events(Connection& db, const TenantScope& scope,
                                             const AuditQuery& query);

}  // namespace registry::postgres
