#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/catalog/request: a tenant asks for a product, and is told when it first did. The note is
// kept in the audit trail.
Result<Response> catalog_request(const Request& request, Context& context) {
  BodyReader body(request);
  const auto tenant_id = body.required("tenant_id", parse_uuid);
  const auto product = body.required("product", ProductId::parse);
  const auto note = body.optional("note", parse_long_text);
  if (auto valid = body.finish(); !valid) return fail(valid.error());
  if (context.product(*product) == nullptr) return fail(product_not_found());

  const auto requested_at =
      context.store.request_product(context.tenants, *tenant_id, *product, note, context.origin);
  if (!requested_at) return fail(requested_at.error());

  return json_response(202, http::product_request_json(*tenant_id, *product, *requested_at));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::catalog_request, registry::Needs::kCatalog);
}
