#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/entitlements?tenant_id=&product=: what a tenant may use.
Result<Response> entitlement_list(const Request& request, Context& context) {
  QueryReader query(request);
  const auto tenant_id = query.required("tenant_id", parse_uuid);
  const auto product = query.optional("product", ProductId::parse);
  if (auto valid = query.finish(); !valid) return fail(valid.error());

  const auto bounded = context.product_asked(product);
  if (!bounded) return fail(bounded.error());

  const auto entitlements = context.store.entitlements(context.tenants, *tenant_id, *bounded);
  if (!entitlements) return fail(entitlements.error());

  return json_response(200, http::entitlement_list_json(*tenant_id, *entitlements));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::entitlement_list);
}
