#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/catalog/trial-request: a tenant tries a product, once, for as long as the catalog says.
Result<Response> catalog_trial_request(const Request& request, Context& context) {
  BodyReader body(request);
  const auto tenant_id = body.required("tenant_id", parse_uuid);
  const auto product_id = body.required("product", ProductId::parse);
  if (auto valid = body.finish(); !valid) return fail(valid.error());
  const Product* product = context.product(*product_id);
  if (product == nullptr) return fail(product_not_found());
  if (product->trial_days == 0) {
    return fail(failure(ErrorCode::kTrialNotOffered, "This product has no trial."));
  }

  const auto entitlement = context.store.start_trial(context.tenants, *tenant_id, *product_id,
                                                     product->trial_days, context.origin);
  if (!entitlement) return fail(entitlement.error());

  return json_response(201, http::entitlement_json(*entitlement));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::catalog_trial_request, registry::Needs::kCatalog);
}
