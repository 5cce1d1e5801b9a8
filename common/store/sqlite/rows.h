#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/domain/audit_event.h"
#include "common/domain/entitlement.h"
#include "common/domain/rules.h"
#include "common/domain/tenant.h"
#include "common/domain/tenant_scope.h"
#include "common/domain/uuid.h"
#include "common/store/sqlite/connection.h"

// What the operations on every table read and write alike.
namespace registry::sqlite {

// A stored value, read by the parser of its kind; one that it refuses is a bug.
template <class T>
[[nodiscard]] T require_valid(const Parsed<T>& parsed) {
  if (!parsed) throw std::runtime_error("sqlite: a stored value " + parsed.error());
  return *parsed;
}

[[nodiscard]] Uuid random_uuid(Connection& db);

// Nothing where there is no such tenant in the scope.
[[nodiscard]] std::optional<TenantStatus> find_tenant_status(Connection& db,
                                                             const TenantScope& scope,
                                                             const Uuid& tenant_id);

// The columns product, enabled, config, expires_at, created_at, updated_at of a tenant in this
// status, from the column `at` on, as they are at `now`.
[[nodiscard]] Entitlement read_entitlement(const Statement& row, int at, TenantStatus status,
                                           Timestamp now);

// The updated_at of a change made at `now`. It always differs from the one before, also for two
// changes in one microsecond: the trigger takes an unchanged one for a forgotten one.
[[nodiscard]] Timestamp moved_updated_at(Timestamp before, Timestamp now);

// Lists of texts, as JSON in one column.
[[nodiscard]] std::string to_json(const std::vector<std::string>& texts);
[[nodiscard]] std::vector<std::string> read_texts(Connection& db, std::string_view json);

// Adds an entry made at `now` to the trail; without an `id` it gets the next one.
void insert_audit_event(Connection& db, const NewAuditEvent& event, Timestamp now,
                        const std::optional<std::int64_t>& id = {});

}  // namespace registry::sqlite
