#pragma once

#include <cstddef>
#include <vector>

#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/http/request.h"

namespace registry {

// What a body of POST /v1/audit holds.
struct AuditBatch {
  std::vector<AuditSubmission> submissions;  // in the order of the body, those with errors left out
  std::vector<FieldError> errors;            // of events, in their order: nothing may be appended
  bool is_array = false;                     // it was an array, also one of a single event
};

// At most this many events come in one body.
inline constexpr std::size_t kAuditBatchLimit = 1'000;

// Reads one event or an array of them, each in our own form or in Retraced's: the latter where it
// has a member that only Retraced's form has, be it null. There, an empty text is an absent one,
// and so is a `created` of year 1, because that is what Retraced's Go client makes of what was not
// set. The batch's errors name every member of every event that is wrong, "[3].actor.name" for one
// in an array; at most 100 of them. Errors: kInvalidRequest (the body is no such thing).
[[nodiscard]] Result<AuditBatch> read_audit_batch(const http::Request& request);

// Retraced's clients send at most this many events at once.
inline constexpr std::size_t kRetracedBatchLimit = 50;

// What Retraced's clients send: one event in its form, or {"events": […]} with 1 to
// kRetracedBatchLimit of them. Every event is of the project that the path names as project_id, by
// its id or slug; "default" is none. The batch's errors name up to 20 members of every event that
// has a wrong one. Errors: as above.
[[nodiscard]] Result<AuditBatch> read_retraced_event(const http::Request& request);
[[nodiscard]] Result<AuditBatch> read_retraced_events(const http::Request& request);

}  // namespace registry
