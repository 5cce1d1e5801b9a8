#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/tenants/{id}
Result<Response> tenant_get(const Request& request, Context& context) {
  const auto id = request.path_uuid("id");
  if (!id) return fail(id.error());

  const auto tenant = context.store.tenant_by_id(context.tenants, *id);
  if (!tenant) return fail(tenant.error());

  return json_response(200, http::tenant_json(*tenant));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_get);
}
