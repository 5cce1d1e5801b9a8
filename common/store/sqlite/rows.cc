#include "common/store/sqlite/rows.h"

#include <array>

#include "common/base/json_writer.h"
#include "common/store/sqlite/scope.h"

namespace registry::sqlite {
namespace {

constexpr std::string_view kTenantStatus =
    "SELECT t.status FROM tenants t WHERE t.id = ?4 AND " SCOPE_HAS_TENANT;

constexpr std::string_view kInsertAudit =
    "INSERT INTO audit_log (id, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
    " target_id, target_type, target_name, product, metadata, source_ip, user_agent, created_at)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

}  // namespace

Uuid random_uuid(Connection& db) {
  Statement row = db.query("SELECT randomblob(16)");
  row.step();
  return Uuid::from_random(row.get<std::array<std::uint8_t, 16>>(0));
}

std::optional<TenantStatus> find_tenant_status(Connection& db, const TenantScope& scope,
                                               const Uuid& tenant_id) {
  Statement row = query_in_scope(db, scope, kTenantStatus, tenant_id);
  if (!row.step()) return std::nullopt;
  return require_valid(parse_tenant_status(row.get<std::string>(0)));
}

Entitlement read_entitlement(const Statement& row, int at, TenantStatus status, Timestamp now) {
  const bool enabled = row.get<bool>(at + 1);
  const auto expires_at = row.get<std::optional<Timestamp>>(at + 3);
  return {.product = row.get<std::string>(at),
          .enabled = enabled,
          .active = is_active(enabled, expires_at, status, now),
          .config_json = row.get<std::string>(at + 2),
          .expires_at = expires_at,
          .created_at = row.get<Timestamp>(at + 4),
          .updated_at = row.get<Timestamp>(at + 5)};
}

Timestamp moved_updated_at(Timestamp before, Timestamp now) {
  return now != before ? now : Timestamp{now.unix_us + 1};
}

std::string to_json(const std::vector<std::string>& texts) {
  JsonWriter json;
  json.begin_array();
  for (const std::string& text : texts) json.value(std::string_view(text));
  return json.end_array().str();
}

std::vector<std::string> read_texts(Connection& db, std::string_view json) {
  Statement row =
      db.query("SELECT value FROM json_each(?1) WHERE type = 'text' ORDER BY key", json);
  std::vector<std::string> texts;
  while (row.step()) texts.push_back(row.get<std::string>(0));
  return texts;
}

void insert_audit_event(Connection& db, const NewAuditEvent& event, Timestamp now,
                        const std::optional<std::int64_t>& id) {
  db.run(kInsertAudit, id, event.tenant_id, event.project_id, event.actor_id, event.actor_name,
         event.actor_type, event.action, event.target_id, event.target_type, event.target_name,
         event.product, event.metadata_json, event.source_ip, event.user_agent, now);
}

}  // namespace registry::sqlite
