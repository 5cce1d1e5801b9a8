#include "common/domain/tenant_scope.h"

#include <algorithm>
#include <utility>

#include "common/domain/rules.h"

namespace registry {

TenantScope::TenantScope(bool is_all, std::vector<Uuid> ids, std::vector<std::string> slugs)
    : is_all_(is_all), ids_(std::move(ids)), slugs_(std::move(slugs)) {}

TenantScope TenantScope::all() {
  return {true, {}, {}};
}

TenantScope TenantScope::of(std::vector<Uuid> ids, std::vector<std::string> slugs) {
  // A store need not take any bytes that somebody else's claim may hold.
  const auto is_no_slug = [](const std::string& text) { return !Slug::parse(text); };
  slugs.erase(std::remove_if(slugs.begin(), slugs.end(), is_no_slug), slugs.end());
  return {false, std::move(ids), std::move(slugs)};
}

bool TenantScope::has(const Uuid& id) const {
  return is_all_ || std::find(ids_.begin(), ids_.end(), id) != ids_.end();
}

bool TenantScope::has(const Uuid& id, std::string_view slug) const {
  return has(id) || std::find(slugs_.begin(), slugs_.end(), slug) != slugs_.end();
}

}  // namespace registry
