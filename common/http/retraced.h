#pragma once

#include "common/base/json_writer.h"
#include "common/domain/audit_event.h"

namespace registry::http {

// Writes an entry that came in Retraced's form (it has retraced_json) as the event that was
// received, with its hash as the last member.
// Throws std::runtime_error when what is stored is no such thing.
void write_retraced_event(JsonWriter& json, const AuditEvent& entry);

}  // namespace registry::http
