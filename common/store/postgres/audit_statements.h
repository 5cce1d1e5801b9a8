#pragma once

#include <string_view>

#include "common/store/postgres/statement_parts.h"

// The SQL of the audit trail.
namespace registry::postgres {

// $4 to $19 are arrays with an element for each event, in the order of the columns of `submitted`.
// Answers, in the order of the events, the number (from 1), id and hash of each; or else, when
// something that events refer to is not there or not in scope, the number of each of these events,
// whether it is the tenant, and whether it is the project. Only where all tenants are in scope an
// event may have none. What is there is locked, so that it stays until the entries are; a tenant
// before its projects, as in its deletion.
// The hash stands in the entry itself, so the id is drawn before. All entries have one time.
inline constexpr std::string_view kAppendAuditEvents =
    "WITH submitted AS MATERIALIZED ("
    " SELECT * FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],"
    "  $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],"
    "  $17::text[], $18::text[], $19::text[])"
    " WITH ORDINALITY AS s (tenant_id, tenant_slug, project_id, actor_id, actor_name, actor_type,"
    "  action, target_id, target_type, target_name, product, metadata, source_ip, user_agent,"
    "  hash_tail, retraced, number)"
    "), tenant AS MATERIALIZED ("
    " SELECT t.id, t.slug FROM tenants t"
    " WHERE (t.id = ANY ($4::uuid[]) OR t.slug = ANY ($5::text[])) AND " TENANT_IN_SCOPE
    " ORDER BY t.id FOR KEY SHARE"
    "), project AS MATERIALIZED ("
    " SELECT p.id, p.tenant_id FROM tenant t JOIN tenant_projects p"
    " ON p.tenant_id = t.id WHERE p.id = ANY ($6::uuid[]) ORDER BY p.id FOR KEY SHARE OF p"
    "), resolved AS MATERIALIZED ("
    " SELECT s.*, coalesce(i.id, n.id) AS known_tenant, p.id AS known_project FROM submitted s"
    " LEFT JOIN tenant i ON i.id = s.tenant_id"
    " LEFT JOIN tenant n ON n.slug = s.tenant_slug AND s.tenant_id IS NULL"
    " LEFT JOIN project p ON p.id = s.project_id AND p.tenant_id = coalesce(i.id, n.id)"
    "), judged AS MATERIALIZED ("
    " SELECT number,"
    "  known_tenant IS NULL AND ($1::boolean IS NOT TRUE OR tenant_id IS NOT NULL"
    "   OR tenant_slug IS NOT NULL) AS no_tenant,"
    "  known_project IS NULL AND project_id IS NOT NULL AS no_project FROM resolved"
    "), refused AS MATERIALIZED ("
    " SELECT * FROM judged WHERE no_tenant OR no_project"
    "), numbered AS MATERIALIZED ("
    " SELECT nextval((SELECT pg_get_serial_sequence('audit_log', 'id'))::regclass) AS id, r.*"
    " FROM (SELECT * FROM resolved WHERE NOT EXISTS (SELECT FROM refused) ORDER BY number) r"
    "), hashed AS MATERIALIZED ("
    " SELECT n.*,"
    "  encode(sha256(convert_to(n.id::text || ':' || n.hash_tail, 'UTF8')), 'hex') AS hash"
    " FROM numbered n"
    "), appended AS ("
    " INSERT INTO audit_log (id, created_at, tenant_id, project_id, actor_id, actor_name,"
    "  actor_type, action, target_id, target_type, target_name, product, metadata, source_ip,"
    "  user_agent)"
    " SELECT id, (SELECT clock_timestamp()), known_tenant, known_project, actor_id, actor_name,"
    "  actor_type, action, target_id, target_type, target_name, product,"
    "  metadata::jsonb || CASE WHEN retraced IS NULL THEN '{}' ELSE"
    "   jsonb_build_object('_retraced', retraced::jsonb || jsonb_build_object('hash', hash)) END,"
    "  source_ip::inet, user_agent FROM hashed ORDER BY number"
    ") SELECT number, id, hash, false, false FROM hashed"
    " UNION ALL SELECT number, NULL, NULL, no_tenant, no_project FROM refused ORDER BY 1";

// A page of entries is this, one condition for each member of AuditQuery that is present, an order,
// a limit, and one of the ends below. $4 is the tenant that the query names, or NULL. A tenant
// whose id the scope lists need not exist any more; a query for none is for the scope of all alone.
// Other programs may have stored something else than an object, or a mask.
inline constexpr std::string_view kAuditEvents =
    "WITH trail AS ("
    " SELECT 1 WHERE $1::boolean OR $4::uuid = ANY ($2::uuid[])"
    "  OR EXISTS (SELECT FROM tenants t WHERE t.id = $4::uuid AND t.slug = ANY ($3::text[]))"
    "), page AS ("
    " SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
    "  target_id, target_type, target_name, product,"
    "  CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata - '_retraced' ELSE metadata "
    "END::text"
    "  AS metadata, host(source_ip) AS source_ip, user_agent,"
    "  CASE jsonb_typeof(metadata -> '_retraced') WHEN 'object'"
    "   THEN (metadata -> '_retraced')::text END AS retraced"
    " FROM audit_log";

// Leaves out what comes behind a number of bytes, and adds how many entries there would be. No row
// where the trail is not in scope, one of NULLs where the page is empty.
#define LIMIT_BYTES(order)                                                                    \
  "), sized AS ("                                                                             \
  " SELECT page.*, count(*) OVER () AS number,"                                               \
  "  sum(octet_length(metadata) + coalesce(octet_length(retraced), 0)) OVER (ORDER BY " order \
  "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before"                      \
  " FROM page"                                                                                \
  ") SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action," \
  " target_id, target_type, target_name, product, metadata, source_ip, user_agent, retraced," \
  " number FROM trail LEFT JOIN sized ON bytes_before IS NULL OR bytes_before <"
inline constexpr std::string_view kLimitBytes = LIMIT_BYTES("id");
inline constexpr std::string_view kLimitBytesDescending = LIMIT_BYTES("id DESC");
#undef LIMIT_BYTES

}  // namespace registry::postgres
