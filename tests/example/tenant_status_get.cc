#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/tenants/{id}/status: just the status of a tenant.
Result<Response> tenant_status_get(const Request& request, Context& context) {
  const auto id = request.path_uuid("id");
  if (!id) return fail(id.error());

  const auto tenant = context.store.tenant_by_id(context.tenants, *id);
  if (!tenant) return fail(tenant.error());

  const std::string status(to_string(tenant->status));
  return json_response(200, R"({"status":")" + status + R"("})");
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_status_get);
}
