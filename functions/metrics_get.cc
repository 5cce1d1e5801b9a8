#include "common/app/app.h"

namespace registry {
namespace {

// GET /metrics: what all functions have counted, for Prometheus. They are separate processes, most
// of which may not run at the moment: their counters are in files, which outlive them.
//
// nginx lets in nobody but the machine itself and private networks.
Result<Response> metrics_get(const Request& /*request*/, Context& context) {
  auto text = metrics_text(context.config.metrics_dir);
  if (!text) {
    const std::string problem = "the folder of the counters (METRICS_DIR) cannot be read";
    return fail(unavailable(problem, problem + ": " + text.error()));
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = std::move(*text);
  return response;
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::metrics_get);
}
