#pragma once

#include <vector>

#include "common/app/audit_input.h"
#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/http/request.h"

namespace registry {

struct Context;

// Appends what a request holds, as far as its caller may: bind_batch() applies. Where the request
// has an Idempotency-Key, it is appended once, see AuditStore::append_audit_events_once.
// Errors: kInvalidRequest (the batch has errors, the key is none), kForbidden (an event names
// another product than the caller's), and those of the store. Whichever it is, all that is wrong
// with any event is named, as far as the store can tell now.
[[nodiscard]] Result<std::vector<AuditReceipt>> append_batch(const http::Request& request,
                                                             const Context& context,
                                                             AuditBatch batch);

}  // namespace registry
