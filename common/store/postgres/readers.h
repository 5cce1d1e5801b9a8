#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/domain/rules.h"
#include "common/domain/tenant.h"
#include "common/store/additions.h"
#include "common/store/postgres/rows.h"

// What several areas of the Postgres store read from the answers of their statements.
namespace registry::postgres {

// A statement that found a row which another transaction has just made or changed is carried out
// again, and so is one that lost against another transaction: so often in all.
inline constexpr int kMaxAttempts = 3;

template <class T>
[[nodiscard]] T require_valid(const Parsed<T>& parsed) {
  if (!parsed) throw std::runtime_error("postgres: a stored value " + parsed.error());
  return *parsed;
}

[[nodiscard]] TenantStatus read_status(const Rows& rows, int row, int column);

// How many columns PRODUCT_COLUMNS has.
inline constexpr int kProductColumnCount = 8;

// The PRODUCT_COLUMNS of a row, from the column `at` on, of a tenant in this status; nothing where
// they are NULL.
[[nodiscard]] std::optional<ProductRow> read_product(const Rows& rows, int row, int at,
                                                     TenantStatus status, Timestamp now);

// The statuses that a predicate holds for, as an array of the database.
template <class Predicate>
[[nodiscard]] std::vector<std::string> statuses_where(const Predicate& predicate) {
  std::vector<std::string> statuses;
  for (const auto status : {TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive,
                            TenantStatus::kFrozen, TenantStatus::kArchived}) {
    if (predicate(status)) statuses.emplace_back(to_string(status));
  }
  return statuses;
}

// Those in which a tenant takes new keys, requests and trials.
[[nodiscard]] const std::vector<std::string>& statuses_with_additions();

}  // namespace registry::postgres
