#include "common/store/postgres/scope.h"

#include <span>
#include <string>

namespace registry::postgres {

std::vector<Parameter> scope_parameters(const TenantScope& scope) {
  ArrayText ids;
  for (const Uuid& id : scope.ids()) ids.add(id);
  return {Parameter(scope.is_all()), Parameter(ids),
          Parameter(std::span<const std::string>(scope.slugs()))};
}

}  // namespace registry::postgres
