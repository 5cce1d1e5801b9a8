#include "common/store/sqlite/scope.h"

#include "common/store/sqlite/rows.h"

namespace registry::sqlite {

std::string ids_json(const TenantScope& scope) {
  std::vector<std::string> texts;
  texts.reserve(scope.ids().size());
  for (const Uuid& id : scope.ids()) texts.push_back(id.to_string());
  return to_json(texts);
}

std::string slugs_json(const TenantScope& scope) {
  return to_json(scope.slugs());
}

}  // namespace registry::sqlite
