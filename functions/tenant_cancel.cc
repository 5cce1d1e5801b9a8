#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/tenants/{id}/cancel: freezes a tenant; the reason is kept in the audit trail.
Result<Response> tenant_cancel(const Request& request, Context& context) {
  const auto id = request.path_uuid("id");
  if (!id) return fail(id.error());

  BodyReader body(request);
  const auto reason = body.optional("reason", parse_long_text);
  if (auto valid = body.finish(); !valid) return fail(valid.error());

  const auto tenant = context.store.cancel_tenant(context.tenants, *id, reason, context.origin);
  if (!tenant) return fail(tenant.error());

  return json_response(200, http::tenant_json(*tenant));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_cancel);
}
