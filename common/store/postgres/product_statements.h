#pragma once

#include <string_view>

#include "common/store/postgres/statement_parts.h"

// The SQL of the operations on a tenant's products. The rules are those of common/domain and
// common/store/additions.h, which say why nothing was written.
namespace registry::postgres {

// $4 tenant id, $5 product or NULL for all.
// Answers the tenant's status and the time with each of its products, unsorted; NULLs if it has
// none.
inline constexpr std::string_view kProducts =
    "SELECT t.status, now(), " PRODUCT_COLUMNS("p")
    " FROM tenants t LEFT JOIN tenant_products p"
    " ON p.tenant_id = t.id AND ($5::text IS NULL OR p.product = $5)"
    " WHERE " TENANT_WITH_ID_IN_SCOPE;

// Whether the row `p` does not entitle anybody now.
#define IS_INACTIVE "NOT (p.enabled AND (p.expires_at IS NULL OR p.expires_at > now()))"

// What PRODUCT_COLUMNS needs of the row `p`, and whose it is.
#define PRODUCT_ROW                                                                        \
  "p.tenant_id, p.product, p.enabled, p.config, p.expires_at, p.created_at, p.updated_at," \
  " p.requested_at, p.trial_started_at"

// The row that stands in the way, in its newest version: FOR NO KEY UPDATE looks for that, but only
// of a row that was there when the statement began.
#define ROW_BEFORE                                                                 \
  "before AS MATERIALIZED ("                                                       \
  " SELECT " PRODUCT_ROW                                                           \
  " FROM tenant t JOIN tenant_products p ON p.tenant_id = t.id AND p.product = $6" \
  " FOR NO KEY UPDATE OF p)"

// Answers the tenant's status and the time with the product as it was made or changed, and as it
// was before; NULLs where there is none. Neither, when the row was committed while the statement
// waited: then ON CONFLICT has found and judged it, and the next run sees it.
#define ANSWER_PRODUCT \
  "SELECT t.status, now(), " PRODUCT_COLUMNS("m") ", " PRODUCT_COLUMNS("b") \
  " FROM tenant t LEFT JOIN made m ON m.tenant_id = t.id"                   \
  " LEFT JOIN before b ON b.tenant_id = t.id"

// $4 tenant id, $5 statuses in which it takes requests, $6 product, $7 metadata, $8 to $12 the
// origin.
inline constexpr std::string_view kRequestProduct =
    "WITH " TENANT_IN_STATUS ", " ROW_BEFORE
    ", made AS ("
    " INSERT INTO tenant_products AS p (tenant_id, product, enabled, requested_at)"
    " SELECT id, $6, false, now() FROM tenant WHERE is_in_status"
    " ON CONFLICT (tenant_id, product) DO UPDATE SET enabled = false, requested_at = now()"
    "  WHERE " IS_INACTIVE
    " AND (p.enabled OR p.requested_at IS NULL)"
    " RETURNING " PRODUCT_ROW "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), tenant_id, product, 'product', NULL, 'catalog.request', $7::jsonb,"
    "  $8, $9, $10, $11::inet, $12 FROM made"
    ") " ANSWER_PRODUCT;

// $4 tenant id, $5 statuses in which it takes trials, $6 product, $7 days, $8 metadata, $9 to $13
// the origin. A day is 24 hours, whatever the session's time zone makes of it.
inline constexpr std::string_view kStartTrial =
    "WITH " TENANT_IN_STATUS ", " ROW_BEFORE
    ", made AS ("
    " INSERT INTO tenant_products AS p (tenant_id, product, enabled, expires_at, trial_started_at)"
    " SELECT id, $6, true, now() + $7::integer * interval '24 hours', now()"
    " FROM tenant WHERE is_in_status"
    " ON CONFLICT (tenant_id, product) DO UPDATE SET enabled = true,"
    "  expires_at = excluded.expires_at, trial_started_at = excluded.trial_started_at,"
    "  requested_at = NULL"
    "  WHERE " IS_INACTIVE
    " AND p.trial_started_at IS NULL"
    " RETURNING " PRODUCT_ROW "), audited AS (" INSERT_AUDIT
    " SELECT clock_timestamp(), tenant_id, product, 'product', NULL, 'catalog.trial_request',"
    "  $8::jsonb, $9, $10, $11, $12::inet, $13 FROM made"
    ") " ANSWER_PRODUCT;

#undef ANSWER_PRODUCT
#undef ROW_BEFORE
#undef PRODUCT_ROW
#undef IS_INACTIVE

}  // namespace registry::postgres
