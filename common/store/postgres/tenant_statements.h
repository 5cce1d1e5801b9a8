#pragma once

#include <string_view>

#include "common/store/postgres/statement_parts.h"

// The SQL of the operations on tenants. The rules are those of common/domain and
// common/store/tenant_changes.h, which check what came of it.
namespace registry::postgres {

// What read_tenant() reads, of a row `t`: the last column lists the products entitled now,
// unsorted, because the database's collation is not ours. A macro, because literals alone join at
// compile time.
#define TENANT_COLUMNS                                                                             \
  "t.id, t.slug, t.name, t.status, t.kind, t.plan, t.erp_customer_id, t.stripe_cust_id,"           \
  " t.trial_ends_at, t.contract_start, t.contract_end, t.sales_owner, t.created_at, t.updated_at," \
  " ARRAY(SELECT p.product FROM tenant_products p WHERE p.tenant_id = t.id AND p.enabled"          \
  " AND (p.expires_at IS NULL OR p.expires_at > now()))"
inline constexpr int kTenantColumnCount = 15;

// A day as the program reads it: what other programs stored may lie outside of the years it knows.
#define KNOWN_DAY(member) \
  "CASE WHEN " member     \
  " IS NOT NULL"          \
  " THEN least(greatest(" member ", '0001-01-01'), '9999-12-31') END AS " member

// The tenant $4, which nobody else changes until this transaction ends. Nothing where it is not in
// scope; then nothing is locked either.
#define LOCKED_TENANT \
  "before AS MATERIALIZED ("                                                                       \
  " SELECT id, slug, name, status, kind, plan, erp_customer_id, stripe_cust_id, trial_ends_at, "   \
  KNOWN_DAY("contract_start") ", " KNOWN_DAY("contract_end")                                       \
  ", sales_owner, created_at, updated_at"                                                          \
  " FROM tenants t WHERE " TENANT_WITH_ID_IN_SCOPE " FOR NO KEY UPDATE)"

// $4 id.
inline constexpr std::string_view kTenantById =
    "SELECT " TENANT_COLUMNS " FROM tenants t WHERE " TENANT_WITH_ID_IN_SCOPE;
// $4 slug.
inline constexpr std::string_view kTenantBySlug =
    "SELECT " TENANT_COLUMNS " FROM tenants t WHERE " TENANT_WITH_SLUG_IN_SCOPE;

// $1 id or NULL, $2 slug, $3 name, $4 status, $5 kind, $6 plan, $7 days of trial or NULL,
// $8 sales_owner, $9 metadata, $10 to $14 the origin.
// Answers the row that was made, with true, or else the rows that have the id or the slug, with
// false. Neither, when such a row was committed while the statement ran: the next run sees it.
// A day of trial is 24 hours, whatever the session's time zone makes of a day.
inline constexpr std::string_view kCreateTenant =
    "WITH made AS ("
    " INSERT INTO tenants (id, slug, name, status, kind, plan, trial_ends_at, sales_owner)"
    " VALUES (coalesce($1::uuid, gen_random_uuid()), $2, $3, $4::tenant_status, $5::tenant_kind,"
    "  $6, now() + $7::integer * interval '24 hours', $8)"
    " ON CONFLICT DO NOTHING"
    " RETURNING id, slug, name, status, kind, plan, erp_customer_id, stripe_cust_id, trial_ends_at,"
    "  contract_start, contract_end, sales_owner, created_at, updated_at"
    "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), id, id::text, 'tenant', slug, 'tenant.create', $9::jsonb, $10, $11,"
    "  $12, $13::inet, $14 FROM made"
    ") SELECT true, " TENANT_COLUMNS
    " FROM made t"
    " UNION ALL"
    " SELECT false, " TENANT_COLUMNS
    " FROM tenants t"
    " WHERE NOT EXISTS (SELECT FROM made) AND (t.id = $1::uuid OR t.slug = $2)";

// One member of the audit entry's "changes", if it has changed from b to a.
#define CHANGE_OF(member)                                                                 \
  "CASE WHEN b." member " IS DISTINCT FROM a." member " THEN jsonb_build_object('" member \
  "', jsonb_build_object('from', b." member ", 'to', a." member ")) ELSE '{}' END"

// $4 id, $5 statuses from which it is allowed, $6 the status that it leads to, $7 plan,
// $8 contract_start, $9 contract_end, $10 erp_customer_id, $11 stripe_cust_id, each NULL to stay as
// it is, $12 to $16 the origin. Answers the row as it was, and the members as they are now, NULL
// where nothing was written.
inline constexpr std::string_view kActivateTenant =
    "WITH " LOCKED_TENANT ", wanted AS ("
    " SELECT id, coalesce($7, plan) AS plan, coalesce($8::date, contract_start) AS contract_start,"
    "  coalesce($9::date, contract_end) AS contract_end,"
    "  coalesce($10, erp_customer_id) AS erp_customer_id,"
    "  coalesce($11, stripe_cust_id) AS stripe_cust_id"
    " FROM before WHERE status = ANY ($5::tenant_status[])"
    "), after AS ("
    " UPDATE tenants t SET status = $6::tenant_status, plan = w.plan,"
    "  contract_start = w.contract_start, contract_end = w.contract_end,"
    "  erp_customer_id = w.erp_customer_id, stripe_cust_id = w.stripe_cust_id"
    " FROM before b JOIN wanted w ON w.id = b.id"
    " WHERE t.id = b.id"
    "  AND (b.status, b.plan, b.contract_start, b.contract_end, b.erp_customer_id, b.stripe_cust_id)"
    "   IS DISTINCT FROM ($6::tenant_status, w.plan, w.contract_start, w.contract_end,"
    "    w.erp_customer_id, w.stripe_cust_id)"
    "  AND ($8::date IS NULL AND $9::date IS NULL"
    "   OR (w.contract_end < w.contract_start) IS NOT TRUE)"
    " RETURNING t.id, t.slug, t.status, t.updated_at, t.plan, t.contract_start, t.contract_end,"
    "  t.erp_customer_id, t.stripe_cust_id"
    "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), a.id, a.id::text, 'tenant', a.slug, 'tenant.activate',"
    "  jsonb_build_object('from', b.status, 'to', a.status) ||"
    "   CASE WHEN c.changes = '{}' THEN '{}' ELSE jsonb_build_object('changes', c.changes) END,"
    "  $12, $13, $14, $15::inet, $16"
    " FROM after a JOIN before b ON b.id = a.id CROSS JOIN LATERAL (SELECT "
    CHANGE_OF("plan") " || " CHANGE_OF("contract_start") " || " CHANGE_OF("contract_end") " || "
    CHANGE_OF("erp_customer_id") " || " CHANGE_OF("stripe_cust_id") " AS changes) c"
    ") SELECT " TENANT_COLUMNS ", a.updated_at, a.plan, a.contract_start, a.contract_end,"
    " a.erp_customer_id, a.stripe_cust_id FROM before t LEFT JOIN after a ON a.id = t.id";

// $4 id, $5 statuses from which it changes something, $6 the status that it leads to, $7 reason or
// NULL, $8 to $12 the origin.
// Answers the row as it was, the members as they are now, NULL where nothing was written, and the
// day.
inline constexpr std::string_view kCancelTenant =
    "WITH " LOCKED_TENANT
    ", after AS ("
    " UPDATE tenants t SET status = $6::tenant_status,"
    "  contract_end = least(b.contract_end, (now() AT TIME ZONE 'UTC')::date)"
    " FROM before b WHERE t.id = b.id AND b.status = ANY ($5::tenant_status[])"
    "  AND b.status <> $6::tenant_status"
    " RETURNING t.id, t.slug, t.status, t.updated_at, t.contract_end"
    "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), a.id, a.id::text, 'tenant', a.slug, 'tenant.cancel',"
    "  jsonb_build_object('from', b.status, 'to', a.status, 'contract_end', a.contract_end) ||"
    "   CASE WHEN $7::text IS NULL THEN '{}' ELSE jsonb_build_object('reason', $7::text) END,"
    "  $8, $9, $10, $11::inet, $12"
    " FROM after a JOIN before b ON b.id = a.id"
    ") SELECT " TENANT_COLUMNS
    ", a.updated_at, a.contract_end, (now() AT TIME ZONE 'UTC')::date"
    " FROM before t LEFT JOIN after a ON a.id = t.id";

#undef CHANGE_OF
#undef LOCKED_TENANT
#undef KNOWN_DAY
#undef TENANT_COLUMNS

}  // namespace registry::postgres
