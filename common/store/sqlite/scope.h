#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/domain/tenant_scope.h"
#include "common/store/sqlite/connection.h"

namespace registry::sqlite {

// Whether the caller may touch the data of the row `t` of tenants. The first three parameters of
// every statement that has this are those of query_in_scope(): NULL lets nobody in. A macro,
// because literals alone join at compile time.
#define SCOPE_HAS_TENANT                             \
  "(?1 OR t.id IN (SELECT value FROM json_each(?2))" \
  " OR t.slug IN (SELECT value FROM json_each(?3)))"

// The lists of a scope as JSON. They stay apart, so that neither is compared as the other.
[[nodiscard]] std::string ids_json(const TenantScope& scope);
[[nodiscard]] std::string slugs_json(const TenantScope& scope);

// A statement whose parameters ?1 to ?3 say whether all tenants are meant, the ids, and the slugs;
// the others follow from ?4 on.
template <class... Values>
[[nodiscard]] Statement query_in_scope(Connection& db, const TenantScope& scope,
                                       std::string_view sql, const Values&... values) {
  return db.query(sql, scope.is_all(), ids_json(scope), slugs_json(scope), values...);
}

}  // namespace registry::sqlite
