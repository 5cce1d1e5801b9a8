#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/catalog: the products of the platform, as their manifests describe them. The catalog is
// read once, when the process starts: a change of the file takes a restart of this function. A
// client that has the current one gets 304 and no body.
Result<Response> catalog_list(const Request& request, Context& context) {
  std::string body = http::catalog_json(context.catalog);

  return conditional_response(request, std::move(body));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::catalog_list, registry::Needs::kCatalog);
}
