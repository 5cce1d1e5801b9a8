#include "common/app/app.h"

namespace registry {
namespace {

Response answer(std::string body) {
  return with_no_store(json_response(200, std::move(body)));
}

// POST /v1/internal/api-keys/verify: whose key a plaintext is and what it may do, in one call.
//
// A plaintext that is no key of ours is an answer, not an error, and so is a body without one: the
// product behind this passes on whatever its own caller sent.
Result<Response> api_key_verify(const Request& request, Context& context) {
  BodyReader body(request);
  const auto secret = body.optional("key", parse_api_key);
  if (!secret) return answer(http::invalid_key_json(KeyVerdict::kMalformed));
  const auto product = body.optional("product", ProductId::parse);
  const auto scopes = body.optional_list("scopes", parse_scope, kScopeCountLimit);
  if (auto valid = body.finish(); !valid) return fail(valid.error());

  const auto found = context.keys.verify(*secret, product, scopes.value_or(Scopes()));
  if (!found) return fail(found.error());
  if (!found->candidate) return answer(http::invalid_key_json(found->verdict));

  return answer(http::valid_key_json(*found->candidate, product.has_value()));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::api_key_verify);
}
