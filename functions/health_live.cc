#include "common/app/app.h"

namespace registry {
namespace {

// GET /healthz: the way from nginx into a function works.
//
// Asks nothing of the store: whoever supervises the processes must not restart them because the
// database is away, since that would mend nothing. health_ready is what tells whether requests
// can be served.
Result<Response> health_live(const Request& /*request*/, Context& /*context*/) {
  return json_response(200, R"({"status":"ok"})");
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::health_live);
}
