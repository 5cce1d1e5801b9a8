#include <algorithm>
#include <utility>

#include "common/app/app.h"
#include "common/app/gate.h"
#include "common/app/readiness.h"

namespace registry {

const Product* Context::product(const ProductId& id) const {
  const auto found = std::find_if(catalog.products.begin(), catalog.products.end(),
                                  [&](const Product& product) { return product.id == id.str(); });
  return found == catalog.products.end() ? nullptr : &*found;
}

std::string Context::caller() const {
  return origin.actor_type.value_or("") + ":" + origin.actor_id.value_or("");
}

Result<Store::Health> Context::readiness() const {
  return registry::readiness(store, gate);
}

Status Context::tenant_asked(const std::optional<Uuid>& tenant_id) const {
  if (tenant_id || tenants.is_all()) return {};
  return fail(failure(ErrorCode::kForbidden, "The caller has to name one of its tenants."));
}

Result<std::optional<std::string>> Context::product_asked(
    std::optional<std::string> product) const {
  if (!bound_product) return product;
  if (product && *product != *bound_product) return fail(forbidden_product());
  return bound_product;
}

Result<std::optional<ProductId>> Context::product_asked(
    const std::optional<ProductId>& product) const {
  if (!bound_product) return product;
  const auto bound = ProductId::parse(*bound_product);
  // What is no product's id, which only other programs store, is the id of none that is asked for.
  if (!bound || (product && !(*product == *bound))) return fail(forbidden_product());
  return *bound;
}

Error forbidden_product() {
  return failure(ErrorCode::kForbidden, "The caller has no right to this product.");
}

Error product_not_found() {
  return not_found("The catalog has no such product.");
}

Result<Response> with_vary(Result<Response> response) {
  if (response) response->headers.push_back({.name = "Vary", .value = "Accept"});
  return response;
}

Response with_no_store(Response response) {
  response.headers.push_back({.name = "Cache-Control", .value = "no-store"});
  return response;
}

}  // namespace registry
