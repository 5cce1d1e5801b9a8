#pragma once

// What the statements of the Postgres store share. There is one statement, and so one round trip
// and one transaction, for each operation. A change decides, writes and audits in common table
// expressions; it locks the tenant's row first, so what it decides on is what it changes. Macros,
// because literals alone join at compile time.

// The time is that of the entry, not of the transaction: under a lock, so that of two changes of
// one tenant the later one has the later time.
#define INSERT_AUDIT                                                                           \
  "INSERT INTO audit_log (created_at, tenant_id, target_id, target_type, target_name, action," \
  " metadata, actor_id, actor_name, actor_type, source_ip, user_agent)"

// Whether the caller may touch the data of the row `t` of tenants. The first three parameters of
// every statement that has this are those of scope_parameters(): NULL lets nobody in.
#define TENANT_IN_SCOPE "($1::boolean OR t.id = ANY ($2::uuid[]) OR t.slug = ANY ($3::text[]))"

// Picks the row `t` of the tenant whose id, or slug, is $4, if it is in scope. Where the scope
// alone tells that it is not, no row is looked for: how long that takes tells nobody whether there
// is one.
#define TENANT_WITH_ID_IN_SCOPE                                                             \
  "t.id = CASE WHEN $1::boolean OR $4 = ANY ($2::uuid[]) OR $3::text[] <> '{}' THEN $4 END" \
  " AND " TENANT_IN_SCOPE
#define TENANT_WITH_SLUG_IN_SCOPE                                                             \
  "t.slug = CASE WHEN $1::boolean OR $4 = ANY ($3::text[]) OR $2::uuid[] <> '{}' THEN $4 END" \
  " AND " TENANT_IN_SCOPE

// The tenant $4, which nobody else changes until this transaction ends, and whether it is in one of
// the statuses $5. Nothing where it is not in scope; then nothing is locked either.
#define TENANT_IN_STATUS                                                                        \
  "tenant AS MATERIALIZED ("                                                                    \
  " SELECT t.id, t.status, t.status = ANY ($5::tenant_status[]) AS is_in_status FROM tenants t" \
  " WHERE " TENANT_WITH_ID_IN_SCOPE " FOR NO KEY UPDATE)"

// What read_product() reads, of a row of tenant_products or of one like it.
#define PRODUCT_COLUMNS(row)                                                      \
  row ".product, " row ".enabled, " row ".config::text, " row ".expires_at, " row \
      ".created_at, " row ".updated_at, " row ".requested_at, " row ".trial_started_at"
