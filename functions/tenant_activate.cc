#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/tenants/{id}/activate: moves a tenant to active; the optional body sets what was agreed.
Result<Response> tenant_activate(const Request& request, Context& context) {
  const auto id = request.path_uuid("id");
  if (!id) return fail(id.error());

  BodyReader body(request);
  const Activation activation{.plan = body.optional("plan", parse_plan),
                              .contract_start = body.optional("contract_start", parse_date),
                              .contract_end = body.optional("contract_end", parse_date),
                              .erp_customer_id = body.optional("erp_customer_id", parse_text),
                              .stripe_cust_id = body.optional("stripe_cust_id", parse_text)};
  if (ends_before_start(activation)) body.reject("contract_end", kEndsBeforeStart);
  if (auto valid = body.finish(); !valid) return fail(valid.error());

  const auto tenant =
      context.store.activate_tenant(context.tenants, *id, activation, context.origin);
  if (!tenant) return fail(tenant.error());

  return json_response(200, http::tenant_json(*tenant));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_activate);
}
