#include "common/app/app.h"

namespace registry {
namespace {

// POST /publisher/v1/project/{project_id}/event: an event of one of Retraced's clients.
Result<Response> audit_publish(const Request& request, Context& context) {
  auto batch = read_retraced_event(request);
  if (!batch) return fail(batch.error());

  const auto receipts = append_batch(request, context, std::move(*batch));
  if (!receipts) return fail(receipts.error());

  return json_response(201, http::audit_receipt_json(receipts->front()));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::audit_publish);
}
