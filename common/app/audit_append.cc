#include "common/app/audit_append.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/app/app.h"
#include "common/crypto/digest.h"

namespace registry {
namespace {

constexpr std::size_t kKeyLimit = 255;

// Visible ASCII characters, which is what a header can hold without a doubt.
bool is_key(std::string_view text) {
  return text.size() <= kKeyLimit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// Requests are the same when their targets and bodies are, byte by byte.
IdempotencyKey key_of(const Request& request, const Context& context) {
  return {.caller = context.caller(),
          .key = request.idempotency_key,
          .digest = crypto::sha256_hex(request.target + "\n" + request.body)};
}

// What the store has to say against those that have no errors; nothing while it is away.
std::vector<FieldError> reference_errors(const AuditBatch& batch, const Context& context) {
  if (batch.submissions.empty()) return {};
  try {
    const Status checked = context.store.check_audit_events(context.tenants, batch.submissions);
    return checked ? std::vector<FieldError>() : checked.error().fields;
  } catch (const StoreUnavailable&) {
    return {};
  }
}

Error refusal(const AuditBatch& batch, const std::vector<FieldError>& foreign,
              const Context& context) {
  Error error = batch.errors.empty() ? forbidden_product() : http::invalid_members(batch.errors);
  for (const auto& more : {foreign, reference_errors(batch, context)}) {
    error.fields.insert(error.fields.end(), more.begin(), more.end());
  }
  return error;
}

}  // namespace

Result<std::vector<AuditReceipt>> append_batch(const Request& request, const Context& context,
                                               AuditBatch batch) {
  if (!is_key(request.idempotency_key)) {
    return fail(invalid_field("Idempotency-Key", "must have 1 to 255 visible ASCII characters"));
  }
  const std::vector<FieldError> foreign = bind_batch(batch, context.tenants, context.bound_product);
  if (!batch.errors.empty() || !foreign.empty()) return fail(refusal(batch, foreign, context));
  AuditStore& store = context.store;
  if (request.idempotency_key.empty()) {
    return store.append_audit_events(context.tenants, batch.submissions);
  }
  return store.append_audit_events_once(context.tenants, batch.submissions,
                                        key_of(request, context));
}

}  // namespace registry
