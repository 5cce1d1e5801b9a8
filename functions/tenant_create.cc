#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/tenants: 201 with the new tenant; 200 when the same id was created before with the same
// attributes.
Result<Response> tenant_create(const Request& request, Context& context) {
  BodyReader body(request);
  const auto id = body.optional("id", parse_uuid);
  const auto slug = body.required("slug", Slug::parse);
  const auto name = body.required("name", parse_name);
  const auto plan = body.optional("plan", parse_plan);
  const auto kind = body.optional("kind", parse_tenant_kind);
  const auto sales_owner = body.optional("sales_owner", parse_text);
  if (auto valid = body.finish(); !valid) return fail(valid.error());

  const auto created = context.store.create_tenant({.id = id,
                                                    .slug = *slug,
                                                    .name = *name,
                                                    .plan = plan.value_or("starter"),
                                                    .kind = kind.value_or(TenantKind::kCustomer),
                                                    .sales_owner = sales_owner,
                                                    .trial_days = context.config.trial_days},
                                                   context.origin);
  if (!created) return fail(created.error());

  Response response =
      json_response(created->replayed ? 200 : 201, http::tenant_json(created->tenant));
  response.headers.push_back(
      {.name = "Location", .value = "/v1/tenants/" + created->tenant.id.to_string()});
  return response;
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::tenant_create);
}
