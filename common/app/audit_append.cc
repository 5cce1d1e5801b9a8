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

std::string caller_of(const ChangeOrigin& origin) {
  return origin.actor_type.value_or("") + ":" + origin.actor_id.value_or("");
}

// Requests are the same when their targets and bodies are, byte by byte.
IdempotencyKey key_of(const Request& request, const Context& context) {
  return {.caller = caller_of(context.origin),
          .key = request.idempotency_key,
          .digest = crypto::sha256_hex(request.target + "\n" + request.body)};
}

}  // namespace

Result<std::vector<AuditReceipt>> append_batch(const Request& request, const Context& context,
                                               AuditBatch batch) {
  if (!is_key(request.idempotency_key)) {
    return fail(invalid_field("Idempotency-Key", "must have 1 to 255 visible ASCII characters"));
  }
  const auto bounded = bounded_batch(std::move(batch), context.tenants, context.bound_product);
  if (!bounded) return fail(bounded.error());
  AuditStore& store = context.store;
  if (request.idempotency_key.empty()) {
    return store.append_audit_events(context.tenants, bounded->submissions);
  }
  return store.append_audit_events_once(context.tenants, bounded->submissions,
                                        key_of(request, context));
}

}  // namespace registry
