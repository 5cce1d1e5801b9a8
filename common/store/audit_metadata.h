#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/domain/api_key.h"
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

// Target: the product. Metadata: {"to": "requested", "product"}, and "note" when one was given.
[[nodiscard]] NewAuditEvent product_requested_event(const Uuid& tenant_id, const ProductId& product,
                                                    const std::optional<std::string>& note,
                                                    const ChangeOrigin& origin);

// Target: the product. Metadata: {"to": "trial", "product", "trial_days"}.
[[nodiscard]] NewAuditEvent trial_started_event(const Uuid& tenant_id, const ProductId& product,
                                                int trial_days, const ChangeOrigin& origin);

// Target: the key, by id and name. Metadata: {"product", "scopes", "prefix", "created_by"}.
[[nodiscard]] NewAuditEvent api_key_created_event(const ApiKey& key, const ChangeOrigin& origin);

// Target: the key, by id and name. Metadata: {"product", "prefix"}.
[[nodiscard]] NewAuditEvent api_key_revoked_event(const ApiKey& key, const ChangeOrigin& origin);

// The metadata that is stored for an event in Retraced's form: its own and, under
// kReservedMetadataKey, `retraced_json` with the hash as a further member "hash". All three are
// objects without duplicate members.
[[nodiscard]] std::string metadata_with_reserved(const std::string& metadata_json,
                                                 const std::string& retraced_json,
                                                 std::string_view hash);

}  // namespace registry
