#include "common/app/app.h"

namespace registry {
namespace {

// GET /readyz: the store answers, its schema is new enough, and tokens can be verified if they are
// asked for.
//
// Otherwise the answer names what is wrong, since whoever asks is an operator.
Result<Response> health_ready(const Request& /*request*/, Context& context) {
  const auto health = context.readiness();
  if (!health) return fail(health.error());
  return json_response(200, http::readiness_json(health->kind, health->schema_version));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::health_ready);
}
