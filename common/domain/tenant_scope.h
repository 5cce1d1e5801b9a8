#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/domain/uuid.h"

namespace registry {

// Whose data a caller may see and change: that of all tenants, or of those with one of these ids or
// one of these slugs. Ids and slugs never mix: a slug may look like the id of another tenant, and
// neither is ever read as the other. There is no default, so that nobody gets a scope by
// forgetting one.
class TenantScope {
 public:
  // For platform administrators and the platform's own services.
  [[nodiscard]] static TenantScope all();
  // Both may be empty: nobody's data. Texts that are no slugs name no tenant, and are left out.
  [[nodiscard]] static TenantScope of(std::vector<Uuid> ids, std::vector<std::string> slugs);

  [[nodiscard]] bool is_all() const { return is_all_; }
  // Empty where is_all().
  [[nodiscard]] const std::vector<Uuid>& ids() const { return ids_; }
  [[nodiscard]] const std::vector<std::string>& slugs() const { return slugs_; }

  // Whether this id alone, of a tenant whose slug is not known, puts it in the scope.
  [[nodiscard]] bool has(const Uuid& id) const;
  // Whether the tenant with this id and this slug is in the scope.
  [[nodiscard]] bool has(const Uuid& id, std::string_view slug) const;

  // The same ids and slugs in the same order.
  bool operator==(const TenantScope&) const = default;

 private:
  TenantScope(bool is_all, std::vector<Uuid> ids, std::vector<std::string> slugs);

  bool is_all_;
  std::vector<Uuid> ids_;
  std::vector<std::string> slugs_;
};

}  // namespace registry
