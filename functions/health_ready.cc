#include "common/app/app.h"

namespace registry {
namespace {

// GET /readyz: the store answers and its schema is new enough. Otherwise the answer names what is
// wrong, since whoever asks is an operator.
Result<Response> health_ready(const Request& /*request*/, Context& context) {
  if (!context.can_verify_tokens()) {
    const std::string problem =
        "the keys of the token issuer are missing: jwks_sync has not had any";
    return fail(unavailable(problem, problem));
  }
  try {
    const Store::Health health = context.store.check_health();
    return json_response(200, http::readiness_json(health.kind, health.schema_version));
  } catch (const StoreUnavailable& outage) {
    return fail(unavailable(outage.summary(), outage.what()));
  }
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::health_ready);
}
