#include "common/app/app.h"

namespace registry {
namespace {

// DELETE /v1/api-keys/{id}: the key is refused from the next verification on, for good.
Result<Response> api_key_revoke(const Request& request, Context& context) {
  const auto id = request.path_uuid("id");
  if (!id) return fail(id.error());

  if (auto revoked = context.store.revoke_api_key(context.tenants, *id, context.origin); !revoked) {
    return fail(revoked.error());
  }

  return json_response(204, {});
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::api_key_revoke);
}
