#pragma once

#include <vector>

#include "common/app/audit_input.h"
#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/http/request.h"

namespace registry {

struct Context;

// Appends what a request holds, as far as its caller may: bounded_batch() applies. Where the
// request has an Idempotency-Key, it is appended once, see AuditStore::append_audit_events_once.
// Errors: those of bounded_batch() and of the store, and kInvalidRequest (the key is none).
[[nodiscard]] Result<std::vector<AuditReceipt>> append_batch(const http::Request& request,
                                                             const Context& context,
                                                             AuditBatch batch);

}  // namespace registry
