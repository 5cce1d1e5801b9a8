#include "common/store/postgres/constraints.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/store/additions.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

constexpr std::string_view kUniqueViolation = "23505";

struct UniqueConstraint {
  std::string_view sqlstate;
  std::string_view constraint;  // as Postgres names it by itself
  Error (*error)();
};

constexpr std::array<UniqueConstraint, 4> kUniqueConstraints = {{
    {kUniqueViolation, "tenants_pkey", tenant_id_taken},
    {kUniqueViolation, "tenants_slug_key", slug_taken},
    {kUniqueViolation, "tenants_erp_customer_id_key", erp_customer_id_taken},
    {kUniqueViolation, "tenants_stripe_cust_id_key", stripe_cust_id_taken},
}};

}  // namespace

std::optional<Error> caller_error(const SqlError& error) {
  const auto* const row = std::find_if(kUniqueConstraints.begin(), kUniqueConstraints.end(),
                                       [&](const UniqueConstraint& candidate) {
                                         return candidate.sqlstate == error.sqlstate() &&
                                                candidate.constraint == error.report().constraint;
                                       });
  if (row == kUniqueConstraints.end()) return std::nullopt;
  return row->error();
}

}  // namespace registry::postgres
