#pragma once

#include <string_view>

#include "common/base/json_writer.h"
#include "common/domain/audit_event.h"

namespace registry::http {

// Writes an entry that came in Retraced's form (it has retraced_json) as the event that was
// received, with its hash as the last member.
// Nothing, not even the member, where what is stored is no such thing: other programs may write
// there, and one row of theirs must not take a page with it.
void write_retraced_event(JsonWriter& json, std::string_view member, const AuditEvent& entry);

}  // namespace registry::http
