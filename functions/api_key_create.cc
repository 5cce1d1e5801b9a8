#include "common/app/app.h"

namespace registry {
namespace {

// POST /v1/api-keys: a new key of a tenant. Its plaintext is in this answer and nowhere else.
Result<Response> api_key_create(const Request& request, Context& context) {
  BodyReader body(request);
  const auto tenant_id = body.required("tenant_id", parse_uuid);
  const auto name = body.required("name", parse_name);
  const auto product = body.optional("product", ProductId::parse);
  const auto scopes = body.optional_list("scopes", parse_scope, kScopeCountLimit);
  const auto created_by = body.optional("created_by", parse_text);
  if (auto valid = body.finish(); !valid) return fail(valid.error());

  const auto secret = crypto::ApiKeySecret::generate();
  const auto hash = context.keys.hash(secret);
  if (!hash) return fail(hash.error());

  const auto key = context.store.create_api_key(context.tenants,
                                                {.tenant_id = *tenant_id,
                                                 .product = product,
                                                 .name = *name,
                                                 .scopes = scopes.value_or(Scopes()),
                                                 .hash = *hash,
                                                 .prefix = std::string(secret.prefix()),
                                                 .created_by = created_by},
                                                context.origin);
  if (!key) return fail(key.error());

  return with_no_store(json_response(201, http::new_api_key_json(*key, secret.text())));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::api_key_create);
}
