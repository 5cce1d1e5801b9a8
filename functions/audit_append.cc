#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/audit: one event, or an array of them of which all are kept or none.
Result<Response> audit_append(const Request& request, Context& context) {
  auto read = read_audit_batch(request);
  if (!read) return fail(read.error());
  const auto batch = bounded_batch(std::move(*read), context.tenants, context.bound_product);
  if (!batch) return fail(batch.error());

  const auto receipts = context.store.append_audit_events(context.tenants, batch->submissions);
  if (!receipts) return fail(receipts.error());

  return json_response(201, batch->is_array ? http::audit_receipts_json(*receipts)
                                            : http::audit_receipt_json(receipts->front()));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::audit_append);
}
