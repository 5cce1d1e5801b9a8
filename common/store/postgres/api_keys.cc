#include "common/store/postgres/api_keys.h"

#include <cstdint>
#include <string>
#include <utility>

#include "common/store/additions.h"
#include "common/store/audit_metadata.h"
#include "common/store/postgres/api_key_statements.h"
#include "common/store/postgres/readers.h"
#include "common/store/postgres/scope.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

// The API_KEY_COLUMNS of a row, from the column `at` on; nothing where they are NULL.
std::optional<ApiKey> read_api_key(const Rows& rows, int row, int at) {
  const auto id = rows.get<std::optional<Uuid>>(row, at);
  if (!id) return std::nullopt;
  return ApiKey{.id = *id,
                .tenant_id = rows.get<Uuid>(row, at + 1),
                .product = rows.get<std::optional<std::string>>(row, at + 2),
                .name = rows.get<std::string>(row, at + 3),
                .scopes = rows.get<std::vector<std::string>>(row, at + 4),
                .prefix = rows.get<std::string>(row, at + 5),
                .created_by = rows.get<std::optional<std::string>>(row, at + 6),
                .last_used_at = rows.get<std::optional<Timestamp>>(row, at + 7),
                .revoked_at = rows.get<std::optional<Timestamp>>(row, at + 8),
                .created_at = rows.get<Timestamp>(row, at + 9)};
}

// What the audit entry of a new key says; the id and the times are the database's to say.
std::string created_metadata(const NewApiKey& key, const ChangeOrigin& origin) {
  return api_key_created_event(new_api_key_row(Uuid::from_bytes({}), key, {}), origin)
      .metadata_json;
}

}  // namespace

Result<ApiKey> create_api_key(Connection& db, const TenantScope& scope, const NewApiKey& key,
                              const ChangeOrigin& origin) {
  const Rows rows = query_in_scope(
      db, scope, kCreateApiKey, key.tenant_id, statuses_with_additions(), text_of(key.product),
      key.name, key.scopes, key.hash, key.prefix, key.created_by, created_metadata(key, origin),
      origin.actor_id, origin.actor_name, origin.actor_type, origin.source_ip, origin.user_agent);
  if (rows.count() == 0) return fail(tenant_not_found());
  if (auto made = read_api_key(rows, 0, 1)) return std::move(*made);
  if (auto refusal = refusal_of_additions(read_status(rows, 0, 0))) return fail(*refusal);
  return fail(api_key_name_taken());
}

Result<std::vector<ApiKey>> api_keys(Connection& db, const TenantScope& scope,
                                     const Uuid& tenant_id, bool include_revoked) {
  const Rows rows = query_in_scope(db, scope, kApiKeys, tenant_id, include_revoked);
  if (rows.count() == 0) return fail(tenant_not_found());
  std::vector<ApiKey> found;
  for (int row = 0; row < rows.count(); ++row) {
    if (auto key = read_api_key(rows, row, 0)) found.push_back(std::move(*key));
  }
  return found;
}

Status revoke_api_key(Connection& db, const TenantScope& scope, const Uuid& id,
                      const ChangeOrigin& origin) {
  const Rows rows = query_in_scope(db, scope, kRevokeApiKey, id, origin.actor_id, origin.actor_name,
                                   origin.actor_type, origin.source_ip, origin.user_agent);
  if (rows.count() == 0) return fail(api_key_not_found());
  return {};
}

std::vector<ApiKeyCandidate> api_keys_by_prefix(Connection& db, std::string_view prefix,
                                                const std::optional<ProductId>& product) {
  const Rows rows = db.query(kApiKeysByPrefix, prefix, text_of(product));
  std::vector<ApiKeyCandidate> found;
  for (int row = 0; row < rows.count(); ++row) {
    constexpr int kAt = kApiKeyColumnCount;
    const TenantStatus status = read_status(rows, row, kAt + 2);
    const auto now = rows.get<Timestamp>(row, kAt + 3);
    auto product_row = read_product(rows, row, kAt + 4, status, now);
    found.push_back({.key = read_api_key(rows, row, 0).value(),
                     .hash = rows.get<std::string>(row, kAt),
                     .tenant_slug = rows.get<std::string>(row, kAt + 1),
                     .tenant_status = status,
                     .entitlement = {},
                     .read_at = now});
    if (product_row) found.back().entitlement = std::move(product_row->entitlement);
  }
  return found;
}

std::size_t note_key_uses(Connection& db, std::span<const KeyUse> uses) {
  ArrayText ids;
  ArrayText moments;
  for (const KeyUse& use : uses) {
    ids.add(use.key_id);
    moments.add(use.used_at);
  }
  const Rows rows = db.query(kNoteKeyUses, ids, moments, std::int64_t{kKeyUseResolution.count()});
  return static_cast<std::size_t>(rows.get<std::int64_t>(0, 0));
}

}  // namespace registry::postgres
