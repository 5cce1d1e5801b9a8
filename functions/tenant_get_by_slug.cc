#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/tenants/by-slug/{slug}
Result<Response> tenant_get_by_slug(const Request& request, Context& context) {
  const auto slug = request.path_slug("slug");
  if (!slug) return fail(slug.error());

  const auto tenant = context.store.tenant_by_slug(context.tenants, *slug);
  if (!tenant) return fail(tenant.error());

  return json_response(200, http::tenant_json(*tenant));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_get_by_slug);
}
