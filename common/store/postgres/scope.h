#pragma once

#include <string_view>
#include <vector>

#include "common/domain/tenant_scope.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/parameter.h"

namespace registry::postgres {

// $1 to $3 of every statement on data of tenants, for TENANT_IN_SCOPE: whether all are meant, the
// ids, the slugs. Ids and slugs are arrays of different types, so neither is compared as the other.
[[nodiscard]] std::vector<Parameter> scope_parameters(const TenantScope& scope);

// Carries out such a statement, with the other parameters from $4 on.
template <class... Values>
[[nodiscard]] Rows query_in_scope(Connection& db, const TenantScope& scope, std::string_view sql,
                                  const Values&... values) {
  std::vector<Parameter> parameters = scope_parameters(scope);
  parameters.reserve(parameters.size() + sizeof...(values));
  (parameters.emplace_back(values), ...);
  return db.query_listed(sql, parameters);
}

}  // namespace registry::postgres
