#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/store/additions.h"
#include "common/store/audit_metadata.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/scope.h"
#include "common/store/sqlite/sqlite_store.h"
#include "common/store/tenant_changes.h"

namespace registry::sqlite {
namespace {

// A macro, because literals alone join at compile time.
#define KEY_COLUMNS                                                                         \
  "k.id, k.tenant_id, k.product, k.name, k.scopes, k.prefix, k.created_by, k.last_used_at," \
  " k.revoked_at, k.created_at"
constexpr std::string_view kKeyById =
    "SELECT " KEY_COLUMNS
    " FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.id = ?4 AND " SCOPE_HAS_TENANT;
// From the tenant on, so that one without a key has a row too.
constexpr std::string_view kKeysOfTenant =
    "SELECT " KEY_COLUMNS
    " FROM tenants t LEFT JOIN api_keys k"
    " ON k.tenant_id = t.id AND (?5 OR k.revoked_at IS NULL)"
    " WHERE t.id = ?4 AND " SCOPE_HAS_TENANT " ORDER BY k.created_at, k.id";
constexpr std::string_view kKeysByPrefix =
    "SELECT " KEY_COLUMNS
    ", k.hash, t.slug, t.status,"
    " p.product, p.enabled, p.config, p.expires_at, p.created_at, p.updated_at"
    " FROM api_keys k JOIN tenants t ON t.id = k.tenant_id"
    " LEFT JOIN tenant_products p ON p.tenant_id = k.tenant_id AND p.product = ?2"
    " WHERE k.prefix = ?1 ORDER BY k.created_at, k.id";
#undef KEY_COLUMNS

constexpr std::string_view kInsertKey =
    "INSERT INTO api_keys (id, tenant_id, product, name, scopes, hash, prefix, created_by,"
    " created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

// The key ?1, if its last use is not later than ?2. Moments are texts that sort in order of time.
#define IS_DUE "id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?2)"
constexpr std::string_view kIsKeyDue = "SELECT 1 FROM api_keys WHERE " IS_DUE;
constexpr std::string_view kMoveLastUse = "UPDATE api_keys SET last_used_at = ?3 WHERE " IS_DUE;
#undef IS_DUE

// The latest last use that this one moves.
Timestamp latest_to_move(const KeyUse& use) {
  return {use.used_at.unix_us - std::chrono::microseconds(kKeyUseResolution).count()};
}

ApiKey read_key(Connection& db, const Statement& row) {
  return {.id = row.get<Uuid>(0),
          .tenant_id = row.get<Uuid>(1),
          .product = row.get<std::optional<std::string>>(2),
          .name = row.get<std::string>(3),
          .scopes = read_texts(db, row.get<std::string>(4)),
          .prefix = row.get<std::string>(5),
          .created_by = row.get<std::optional<std::string>>(6),
          .last_used_at = row.get<std::optional<Timestamp>>(7),
          .revoked_at = row.get<std::optional<Timestamp>>(8),
          .created_at = row.get<Timestamp>(9)};
}

}  // namespace

Result<ApiKey> SqliteStore::create_api_key(const TenantScope& scope, const NewApiKey& key,
                                           const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  const auto status = find_tenant_status(*db, scope, key.tenant_id);
  if (!status) return fail(tenant_not_found());
  if (auto refusal = refusal_of_additions(*status)) return fail(std::move(*refusal));
  if (db->query("SELECT 1 FROM api_keys WHERE tenant_id = ?1 AND name = ?2", key.tenant_id,
                key.name)
          .step()) {
    return fail(api_key_name_taken());
  }
  ApiKey created = new_api_key_row(random_uuid(*db), key, now);
  db->run(kInsertKey, created.id, created.tenant_id, created.product, created.name,
          to_json(created.scopes), key.hash, created.prefix, created.created_by, now);
  insert_audit_event(*db, api_key_created_event(created, origin), now);
  transaction.commit();
  return created;
}

Result<std::vector<ApiKey>> SqliteStore::api_keys(const TenantScope& scope, const Uuid& tenant_id,
                                                  bool include_revoked) {
  const Pool::Lease db(*pool_);
  Statement row = query_in_scope(*db, scope, kKeysOfTenant, tenant_id, include_revoked);
  if (!row.step()) return fail(tenant_not_found());
  std::vector<ApiKey> keys;
  do {
    if (!row.get<std::optional<Uuid>>(0)) break;  // the tenant without a key
    keys.push_back(read_key(*db, row));
  } while (row.step());
  return keys;
}

Status SqliteStore::revoke_api_key(const TenantScope& scope, const Uuid& id,
                                   const ChangeOrigin& origin) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  std::optional<ApiKey> key;
  if (Statement row = query_in_scope(*db, scope, kKeyById, id); row.step())
    key = read_key(*db, row);
  if (!key) return fail(api_key_not_found());
  if (key->revoked_at) return {};
  if (db->run("UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1", id, now) != 1) {
    throw std::logic_error("sqlite: a key changed under the write lock");
  }
  insert_audit_event(*db, api_key_revoked_event(*key, origin), now);
  transaction.commit();
  return {};
}

std::vector<ApiKeyCandidate> SqliteStore::api_keys_by_prefix(
    std::string_view prefix, const std::optional<ProductId>& product) {
  const Pool::Lease db(*pool_);
  const Timestamp now = clock_.now();
  Statement row = db->query(kKeysByPrefix, prefix, text_of(product));
  std::vector<ApiKeyCandidate> candidates;
  while (row.step()) {
    const TenantStatus status = require_valid(parse_tenant_status(row.get<std::string>(12)));
    std::optional<Entitlement> entitlement;
    if (row.get<std::optional<std::string>>(13)) {
      entitlement = read_entitlement(row, 13, status, now);
    }
    candidates.push_back({.key = read_key(*db, row),
                          .hash = row.get<std::string>(10),
                          .tenant_slug = row.get<std::string>(11),
                          .tenant_status = status,
                          .entitlement = std::move(entitlement),
                          .read_at = now});
  }
  return candidates;
}

std::size_t SqliteStore::note_key_uses(std::span<const KeyUse> uses) {
  const Pool::Lease db(*pool_);
  // Mostly nothing is due, and then nobody has to wait for the write lock.
  const bool is_any_due = std::any_of(uses.begin(), uses.end(), [&](const KeyUse& use) {
    return db->query(kIsKeyDue, use.key_id, latest_to_move(use)).step();
  });
  if (!is_any_due) return 0;
  Transaction transaction(*db);
  std::size_t moved = 0;
  for (const KeyUse& use : uses) {
    if (db->run(kMoveLastUse, use.key_id, latest_to_move(use), use.used_at) > 0) ++moved;
  }
  transaction.commit();
  return moved;
}

}  // namespace registry::sqlite
