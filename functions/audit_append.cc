
#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/audit: one event, or an array of them of which all are kept or none.
Result<Response> audit_append(const Request& request, Context& context) {
  auto batch = read_audit_batch(request);
  if (!batch) return fail(batch.error());
  const bool is_array = batch->is_array;

  const auto receipts = append_batch(request, context, std::move(*batch));
  if (!receipts) return fail(receipts.error());

  return json_response(201, is_array ? http::audit_receipts_json(*receipts)
                                     : http::audit_receipt_json(receipts->front()));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::audit_append);
}
