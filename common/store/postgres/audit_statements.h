#pragma once

#include <string_view>

// The SQL of the audit trail.
namespace registry::postgres {

// $1 to $16 are arrays with an element for each event, in the order of the columns of `submitted`.
// Answers, in the order of the events, the number (from 1), id and hash of each; or else, when
// something that events refer to is not there, the number of each of these events, whether it is
// the tenant, and whether it is the project. What is there is locked, so that it stays until the
// entries are; a tenant before its projects, as in its deletion.
// The hash stands in the entry itself, so the id is drawn before. All entries have one time.
inline constexpr std::string_view kAppendAuditEvents =
    "WITH submitted AS MATERIALIZED ("
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],"
    "  $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],"
    "  $14::text[], $15::text[], $16::text[])"
    " WITH ORDINALITY AS s (tenant_id, tenant_slug, project_id, actor_id, actor_name, actor_type,"
    "  action, target_id, target_type, target_name, product, metadata, source_ip, user_agent,"
    "  hash_tail, retraced, number)"
    "), tenant AS MATERIALIZED ("
    " SELECT id, slug FROM tenants WHERE id = ANY ($1::uuid[]) OR slug = ANY ($2::text[])"
    " ORDER BY id FOR KEY SHARE"
    "), project AS MATERIALIZED ("
    " SELECT p.id, p.tenant_id FROM tenant t JOIN tenant_projects p"
    " ON p.tenant_id = t.id WHERE p.id = ANY ($3::uuid[]) ORDER BY p.id FOR KEY SHARE OF p"
    "), resolved AS MATERIALIZED ("
    " SELECT s.*, coalesce(i.id, n.id) AS known_tenant, p.id AS known_project FROM submitted s"
    " LEFT JOIN tenant i ON i.id = s.tenant_id"
    " LEFT JOIN tenant n ON n.slug = s.tenant_slug AND s.tenant_id IS NULL"
    " LEFT JOIN project p ON p.id = s.project_id AND p.tenant_id = coalesce(i.id, n.id)"
    "), judged AS MATERIALIZED ("
    " SELECT number,"
    "  known_tenant IS NULL AND (tenant_id IS NOT NULL OR tenant_slug IS NOT NULL) AS no_tenant,"
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
// a limit, and one of the ends below. Other programs may have stored something else than an object,
// or a mask.
inline constexpr std::string_view kAuditEvents =
    "WITH page AS ("
    " SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
    "  target_id, target_type, target_name, product,"
    "  CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata - '_retraced' ELSE metadata "
    "END::text"
    "  AS metadata, host(source_ip) AS source_ip, user_agent,"
    "  CASE jsonb_typeof(metadata -> '_retraced') WHEN 'object'"
    "   THEN (metadata -> '_retraced')::text END AS retraced"
    " FROM audit_log";

// Leaves out what comes behind a number of bytes, and adds how many entries there would be.
#define LIMIT_BYTES(order)                                                                    \
  "), sized AS ("                                                                             \
  " SELECT page.*, count(*) OVER () AS number,"                                               \
  "  sum(octet_length(metadata) + coalesce(octet_length(retraced), 0)) OVER (ORDER BY " order \
  "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before"                      \
  " FROM page"                                                                                \
  ") SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action," \
  " target_id, target_type, target_name, product, metadata, source_ip, user_agent, retraced," \
  " number FROM sized WHERE bytes_before IS NULL OR bytes_before <"
inline constexpr std::string_view kLimitBytes = LIMIT_BYTES("id");
inline constexpr std::string_view kLimitBytesDescending = LIMIT_BYTES("id DESC");
#undef LIMIT_BYTES

}  // namespace registry::postgres
