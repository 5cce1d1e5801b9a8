#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/api-keys?tenant_id=[&include_revoked=true]: a tenant's keys, oldest first.
Result<Response> api_key_list(const Request& request, Context& context) {
  QueryReader query(request);
  const auto tenant_id = query.required("tenant_id", parse_uuid);
  const auto include_revoked = query.optional("include_revoked", parse_flag);
  if (auto valid = query.finish(); !valid) return fail(valid.error());

  const auto keys =
      context.store.api_keys(context.tenants, *tenant_id, include_revoked.value_or(false));
  if (!keys) return fail(keys.error());

  return json_response(200, http::api_key_list_json(*tenant_id, *keys));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::api_key_list);
}
