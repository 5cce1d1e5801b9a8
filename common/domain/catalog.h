#pragma once

#include <string>
#include <vector>

namespace registry {

// A service of the platform, as its manifest describes it.
struct Product {
  std::string id;
  std::string name;
  std::string description;
  std::vector<std::string> plans;
  int trial_days = 0;  // 0: no trial is offered
  bool supports_projects = false;

  bool operator==(const Product&) const = default;
};

// The products in the order of the catalog file; their ids are unique.
struct Catalog {
  std::vector<Product> products;
};

}  // namespace registry
