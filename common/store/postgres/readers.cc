#include "common/store/postgres/readers.h"

#include <utility>

namespace registry::postgres {

TenantStatus read_status(const Rows& rows, int row, int column) {
  return require_valid(parse_tenant_status(rows.get<std::string>(row, column)));
}

std::optional<ProductRow> read_product(const Rows& rows, int row, int at, TenantStatus status,
                                       Timestamp now) {
  auto product = rows.get<std::optional<std::string>>(row, at);
  if (!product) return std::nullopt;
  const bool enabled = rows.get<bool>(row, at + 1);
  const auto expires_at = rows.get<std::optional<Timestamp>>(row, at + 3);
  return ProductRow{
      .entitlement = {.product = std::move(*product),
                      .enabled = enabled,
                      .active = is_active(enabled, expires_at, status, now),
                      .config_json = rows.get<std::string>(row, at + 2),
                      .expires_at = expires_at,
                      .created_at = rows.get<Timestamp>(row, at + 4),
                      .updated_at = rows.get<Timestamp>(row, at + 5)},
      .origin = {.requested_at = rows.get<std::optional<Timestamp>>(row, at + 6),
                 .trial_started_at = rows.get<std::optional<Timestamp>>(row, at + 7)}};
}

const std::vector<std::string>& statuses_with_additions() {
  static const std::vector<std::string> kStatuses =
      statuses_where([](TenantStatus status) { return !refusal_of_additions(status); });
  return kStatuses;
}

}  // namespace registry::postgres
