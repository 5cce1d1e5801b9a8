#include <algorithm>
#include <utility>

#include "common/app/app.h"

namespace registry {

const Product* Context::product(const ProductId& id) const {
  const auto found = std::find_if(catalog.products.begin(), catalog.products.end(),
                                  [&](const Product& product) { return product.id == id.str(); });
  return found == catalog.products.end() ? nullptr : &*found;
}

Error product_not_found() {
  return not_found("The catalog has no such product.");
}

Response with_no_store(Response response) {
  response.headers.push_back({.name = "Cache-Control", .value = "no-store"});
  return response;
}

}  // namespace registry
