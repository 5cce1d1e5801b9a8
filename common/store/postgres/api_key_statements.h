#pragma once

#include <string_view>

#include "common/store/postgres/statement_parts.h"

// The SQL of the operations on API keys. Only kApiKeysByPrefix reads a hash: the others name what
// they read and return, so that a role without the right to read that column can run them.
namespace registry::postgres {

// What read_api_key() reads, of a row `k`. An element that is NULL, which only other programs
// store, is no scope.
#define API_KEY_COLUMNS                                                                         \
  "k.id, k.tenant_id, k.product, k.name, array_remove(k.scopes, NULL), k.prefix, k.created_by," \
  " k.last_used_at, k.revoked_at, k.created_at"
inline constexpr int kApiKeyColumnCount = 10;

// $4 tenant id, $5 statuses in which it takes keys, $6 product, $7 name, $8 scopes, $9 hash,
// $10 prefix, $11 created_by, $12 metadata, $13 to $17 the origin.
// Answers the tenant's status and the key, NULLs where none was made. When that is not for the
// status, it is for another key of this name: one of a transaction that goes on is waited for.
inline constexpr std::string_view kCreateApiKey =
    "WITH " TENANT_IN_STATUS
    ", made AS ("
    " INSERT INTO api_keys (tenant_id, product, name, scopes, hash, prefix, created_by)"
    " SELECT id, $6, $7, $8::text[], $9, $10, $11 FROM tenant WHERE is_in_status"
    " ON CONFLICT (tenant_id, name) DO NOTHING"
    " RETURNING id, tenant_id, product, name, scopes, prefix, created_by, last_used_at,"
    "  revoked_at, created_at"
    "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), tenant_id, id::text, 'api_key', name, 'api_key.create', $12::jsonb,"
    "  $13, $14, $15, $16::inet, $17 FROM made"
    ") SELECT t.status, " API_KEY_COLUMNS " FROM tenant t LEFT JOIN made k ON k.tenant_id = t.id";

// $4 tenant id, $5 whether revoked ones as well. Answers each key, oldest first; NULLs if there is
// none.
inline constexpr std::string_view kApiKeys =
    "SELECT " API_KEY_COLUMNS
    " FROM tenants t LEFT JOIN api_keys k"
    " ON k.tenant_id = t.id AND ($5::boolean OR k.revoked_at IS NULL)"
    " WHERE " TENANT_WITH_ID_IN_SCOPE " ORDER BY k.created_at, k.id";

// $4 id, $5 to $9 the origin. Answers a row if there is such a key. The tenant comes first, as in
// every change; revoked_at is then compared in the key's newest version.
inline constexpr std::string_view kRevokeApiKey =
    "WITH tenant AS MATERIALIZED ("
    " SELECT t.id FROM api_keys k JOIN tenants t ON t.id = k.tenant_id"
    " WHERE k.id = $4 AND " TENANT_IN_SCOPE
    " FOR NO KEY UPDATE OF t"
    "), revoked AS ("
    " UPDATE api_keys k SET revoked_at = now() FROM tenant t"
    " WHERE k.id = $4 AND k.tenant_id = t.id AND k.revoked_at IS NULL"
    " RETURNING k.id, k.tenant_id, k.product, k.name, k.prefix"
    "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), tenant_id, id::text, 'api_key', name, 'api_key.revoke',"
    "  jsonb_build_object('product', product, 'prefix', prefix), $5, $6, $7, $8::inet, $9"
    " FROM revoked"
    ") SELECT FROM tenant";

// $1 prefix, $2 product or NULL. Answers each key with its hash, its tenant's slug and status, the
// time, and the tenant's row for the product, NULLs if there is none.
inline constexpr std::string_view kApiKeysByPrefix =
    "SELECT " API_KEY_COLUMNS ", k.hash, t.slug, t.status, now(), " PRODUCT_COLUMNS("p")
    " FROM api_keys k JOIN tenants t ON t.id = k.tenant_id"
    " LEFT JOIN tenant_products p ON p.tenant_id = k.tenant_id AND p.product = $2"
    " WHERE k.prefix = $1 ORDER BY k.created_at, k.id";

// $1 ids and $2 moments, an element for each use; $3 the seconds that a key's last use must be
// older by. Answers how many keys moved. A key that another transaction has locked is left out, so
// this waits for nobody. Locked are the keys that are due, in their newest version, in the order of
// ids as by every statement that locks several rows. A last use at infinity is never due.
inline constexpr std::string_view kNoteKeyUses =
    "WITH due AS MATERIALIZED ("
    " SELECT k.id, u.used_at FROM unnest($1::uuid[], $2::timestamptz[]) AS u (key_id, used_at)"
    " JOIN api_keys k ON k.id = u.key_id"
    " WHERE k.last_used_at IS NULL"
    "  OR k.last_used_at <= u.used_at - $3::integer * interval '1 second'"
    " ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED"
    "), moved AS ("
    " UPDATE api_keys k SET last_used_at = d.used_at FROM due d WHERE k.id = d.id RETURNING 1"
    ") SELECT count(*) FROM moved";

#undef API_KEY_COLUMNS

}  // namespace registry::postgres
