#include "common/app/readiness.h"

#include <cstdint>
#include <string>

#include <unistd.h>

#include "common/base/json_writer.h"
#include "common/base/program_version.h"

namespace registry {

Result<Store::Health> readiness(Store& store, Gate& gate) {
  if (!gate.is_ready()) {
    const std::string problem =
        "the keys of the token issuer are missing: jwks_sync has not had any";
    return fail(unavailable(problem, problem));
  }
  try {
    return store.check_health();
  } catch (const StoreUnavailable& outage) {
    return fail(unavailable(outage.summary(), outage.what()));
  }
}

bool is_release_check(const http::Request& request) {
  return request.method == "OPTIONS" && request.target == "*";
}

Result<http::Response> check_release(const http::Operation& operation, Store& store, Gate& gate) {
  const auto health = readiness(store, gate);
  if (!health) return fail(health.error());
  JsonWriter json;
  json.begin_object()
      .member("function", operation.id)
      .member("version", kProgramVersion)
      .member("schema_version", health->schema_version)
      .member("pid", std::int64_t{::getpid()})
      .member("status", "ready")
      .end_object();
  return http::json_response(200, json.str());
}

}  // namespace registry
