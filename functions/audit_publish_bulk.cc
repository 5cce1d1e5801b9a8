#include "common/app/app.h"

namespace registry {
namespace {

// POST /publisher/v1/project/{project_id}/event/bulk: events of one of Retraced's clients, of which
// all are kept or none.
Result<Response> audit_publish_bulk(const Request& request, Context& context) {
  auto batch = read_retraced_events(request);
  if (!batch) return fail(batch.error());

  const auto receipts = append_batch(request, context, std::move(*batch));
  if (!receipts) return fail(receipts.error());

  return json_response(201, http::audit_receipts_json(*receipts));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::audit_publish_bulk);
}
