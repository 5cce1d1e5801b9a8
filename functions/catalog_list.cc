#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/catalog[?tenant_id=]: the products of the platform, as their manifests describe them, and
// where a tenant stands with each. The catalog is read once, when the process starts: a change of
// the file takes a restart of this function. A client that has the current answer gets 304 and no
// body.
Result<Response> catalog_list(const Request& request, Context& context) {
  QueryReader query(request);
  const auto tenant_id = query.optional("tenant_id", parse_uuid);
  if (auto valid = query.finish(); !valid) return fail(valid.error());
  if (!tenant_id) return conditional_response(request, http::catalog_json(context.catalog));

  const auto standings = context.store.product_standings(context.tenants, *tenant_id);
  if (!standings) return fail(standings.error());

  return conditional_response(request, http::catalog_json(context.catalog, *standings));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::catalog_list, registry::Needs::kCatalog);
}
