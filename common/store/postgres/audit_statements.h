#pragma once

#include <string_view>

#include "common/store/postgres/statement_parts.h"

// The SQL of the audit trail.
namespace registry::postgres {

// $4 to $20 are arrays with an element for each event, in the order of the columns of `submitted`.
// Answers the ids, in the order of the events; or else, when something that events refer to is not
// there or not in scope, the number (from 1) of each of these events, whether it is the tenant, and
// whether it is the project. Only where all tenants are in scope an event may have none. What is
// there is locked, so that it stays until the entries are; a tenant before its projects, as in its
// deletion.
#define SUBMITTED_EVENTS                                                                           \
  "WITH submitted AS MATERIALIZED ("                                                               \
  " SELECT * FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],"  \
  "  $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],"   \
  "  $17::text[], $18::text[], $19::text[], $20::text[])"                                          \
  " WITH ORDINALITY AS s (tenant_id, tenant_slug, project_id, project_slug, actor_id, actor_name," \
  "  actor_type, action, target_id, target_type, target_name, product, metadata, source_ip,"       \
  "  user_agent, hash_tail, retraced, number)"                                                     \
  "), tenant AS MATERIALIZED ("                                                                    \
  " SELECT t.id, t.slug FROM tenants t WHERE "
#define WITH_KNOWN(tenant, project)                                       \
  " SELECT s.*, " tenant " AS known_tenant, " project                     \
  " AS known_project,"                                                    \
  "  " tenant                                                             \
  " IS NULL AND ($1::boolean IS NOT TRUE OR s.tenant_id IS NOT NULL"      \
  "   OR s.tenant_slug IS NOT NULL) AS no_tenant,"                        \
  "  " project                                                            \
  " IS NULL AND (s.project_id IS NOT NULL OR s.project_slug IS NOT NULL)" \
  "   AS no_project"                                                      \
  " FROM submitted s LEFT JOIN tenant i ON i.id = s.tenant_id"
#define RESOLVED_EVENTS \
  SUBMITTED_EVENTS      \
  "  t.id = ANY ($4::uuid[] || ARRAY(SELECT n.id FROM tenants n WHERE n.slug = ANY ($5::text[])))" \
  " AND " TENANT_IN_SCOPE                  \
  " ORDER BY t.id FOR KEY SHARE"                                                                   \
  "), project AS MATERIALIZED ("                                                                   \
  " SELECT p.id, p.tenant_id, p.slug FROM tenant t JOIN tenant_projects p"                         \
  " ON p.tenant_id = t.id WHERE p.id = ANY ($6::uuid[]) OR p.slug = ANY ($7::text[])"              \
  " ORDER BY p.id FOR KEY SHARE OF p"                                                              \
  "), resolved AS MATERIALIZED (" WITH_KNOWN("coalesce(i.id, n.id)", "p.id")                       \
  " LEFT JOIN tenant n ON n.slug = s.tenant_slug AND s.tenant_id IS NULL"                          \
  " LEFT JOIN project p ON p.tenant_id = coalesce(i.id, n.id)"                                     \
  "  AND CASE WHEN s.project_id IS NULL THEN p.slug = s.project_slug ELSE p.id = s.project_id END" \
  ")"

// The same where no event names a tenant by its slug, or a project: most are so, and this is a
// fifth less work for one of them.
#define RESOLVED_PLAIN_EVENTS                      \
  SUBMITTED_EVENTS                                 \
  "  t.id = ANY ($4::uuid[]) AND " TENANT_IN_SCOPE \
  " ORDER BY t.id FOR KEY SHARE"                   \
  "), resolved AS MATERIALIZED (" WITH_KNOWN("i.id", "NULL::uuid") ")"

// All resolved events, or none where one is refused, each with the id that it draws.
#define EVENTS_WITH_IDS(condition)                                                          \
  "SELECT nextval((SELECT pg_get_serial_sequence('audit_log', 'id'))::regclass) AS id, r.*" \
  " FROM (SELECT * FROM resolved WHERE NOT EXISTS (SELECT FROM resolved WHERE no_tenant"    \
  "  OR no_project)" condition " ORDER BY number) r"

#define REFUSED_EVENTS                                                                    \
  " SELECT NULL::bigint, number, no_tenant, no_project FROM resolved WHERE no_tenant OR " \
  "no_project"

// Ends RESOLVED_EVENTS. All entries have one time. The hash of an event in Retraced's form stands
// in the entry itself, which is why its id is drawn before.
#define APPEND(events)                                                                         \
  ", appended AS ("                                                                            \
  " INSERT INTO audit_log (id, created_at, tenant_id, project_id, actor_id, actor_name,"       \
  "  actor_type, action, target_id, target_type, target_name, product, metadata, source_ip,"   \
  "  user_agent)"                                                                              \
  " SELECT id, (SELECT clock_timestamp()), known_tenant, known_project, actor_id, actor_name," \
  "  actor_type, action, target_id, target_type, target_name, product,"                        \
  "  CASE WHEN retraced IS NULL THEN metadata::jsonb"                                          \
  "   ELSE metadata::jsonb || jsonb_build_object('_retraced', retraced::jsonb"                 \
  "    || jsonb_build_object('hash', encode(sha256(convert_to(id::text || ':' || hash_tail,"   \
  "     'UTF8')), 'hex'))) END,"                                                               \
  "  source_ip::inet, user_agent FROM " events                                                 \
  " RETURNING id"                                                                              \
  ") SELECT id, NULL, NULL, NULL FROM appended"                                                \
  " UNION ALL" REFUSED_EVENTS " ORDER BY 1, 2"

// The ids are drawn where the INSERT reads them: after the table's trigger has announced them, see
// 0003_audit_tail.
inline constexpr std::string_view kAppendAuditEvents =
    RESOLVED_EVENTS APPEND("(" EVENTS_WITH_IDS("") ") numbered");
inline constexpr std::string_view kAppendPlainAuditEvents =
    RESOLVED_PLAIN_EVENTS APPEND("(" EVENTS_WITH_IDS("") ") numbered");

// What it answers when it refuses.
inline constexpr std::string_view kCheckAuditEvents =
    RESOLVED_EVENTS REFUSED_EVENTS " ORDER BY number";

// The same as kAppendAuditEvents with a key: $21 caller, $22 key, $23 digest in hexadecimal digits,
// $24 hours that a key counts. Whoever comes second with a key waits until the first has ended.
// Answers nothing where the key is taken. The key keeps the ids, so they are drawn before the
// entries; `announced` adds no row: it has the trigger announce them before.
inline constexpr std::string_view kAppendAuditEventsOnce = RESOLVED_EVENTS
    ", announced AS ("
    " INSERT INTO audit_log (action) SELECT '' WHERE false RETURNING 1"
    "), numbered AS MATERIALIZED (" EVENTS_WITH_IDS(
        " AND NOT EXISTS (SELECT FROM announced)") "), claim AS ("
    " INSERT INTO idempotency_keys AS k (caller, key, digest, ids, created_at)"
    " SELECT $21, $22, decode($23, 'hex'), array_agg(id ORDER BY number), clock_timestamp()"
    " FROM numbered HAVING count(*) > 0"
    " ON CONFLICT (caller, key) DO UPDATE SET digest = excluded.digest, ids = excluded.ids,"
    "  created_at = excluded.created_at"
    " WHERE k.created_at <= excluded.created_at - make_interval(hours => $24)"
    " RETURNING 1)" APPEND("numbered WHERE EXISTS (SELECT FROM claim)");
#undef SUBMITTED_EVENTS
#undef WITH_KNOWN
#undef RESOLVED_EVENTS
#undef RESOLVED_PLAIN_EVENTS
#undef EVENTS_WITH_IDS
#undef REFUSED_EVENTS
#undef APPEND

// $1 caller, $2 key, $3 digest in hexadecimal digits, $4 hours that a key counts. Answers whether
// it is that digest, and the ids in the order of the events.
inline constexpr std::string_view kAuditEventsOfKey =
    "SELECT k.digest = decode($3, 'hex'), i.id"
    " FROM idempotency_keys k, unnest(k.ids) WITH ORDINALITY AS i (id, number)"
    " WHERE k.caller = $1 AND k.key = $2"
    " AND k.created_at > clock_timestamp() - make_interval(hours => $4) ORDER BY i.number";

// The last id up to which the trail is decided: no transaction that is open has announced ids up to
// there, see 0003_audit_tail. What this statement itself can see may be less, since transactions
// may have ended meanwhile: the page is another statement. The ids that were announced are near the
// greatest one, which gives the upper 32 bits. Where nothing is newer than $1 no lock is looked at.
inline constexpr std::string_view kDecidedId =
    "SELECT least(newest.id, announced.id)"
    " FROM (SELECT coalesce(max(id), 0) AS id FROM audit_log) newest, LATERAL ("
    "  SELECT min(newest.id + 2147483648"
    "   - ((newest.id - l.objid::bigint + 2147483648) & 4294967295)) AS id"
    "  FROM pg_locks l WHERE newest.id > $1::bigint AND l.locktype = 'advisory'"
    "   AND l.objsubid = 2 AND l.classid = 'audit_log'::regclass"
    "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " ) announced";

// Where entries may be that were received at $3 or later, and before $4, each of which may be NULL:
// ranges of ids greater than $1 and up to $2, in their order, the first id of each exclusive; none
// where there is no such entry.
// Times are nearly in the order of the ids, but may be anything where rows came from elsewhere. So
// each block of 2^19 ids is asked for its first time and, where that does not tell, its last one,
// at an index probe each; where a run of such blocks begins and ends, so is each of its 16
// stretches, and of these each of their 16 parts.
#define TIMES_OF_SPAN(shift)                                                         \
  " LEFT JOIN LATERAL ("                                                             \
  "  SELECT created_at FROM audit_log WHERE id >> " shift                            \
  " = span"                                                                          \
  "  ORDER BY created_at LIMIT 1) oldest ON true"                                    \
  " LEFT JOIN LATERAL ("                                                             \
  "  SELECT created_at FROM audit_log WHERE oldest.created_at < $3 AND id >> " shift \
  " = span"                                                                          \
  "  ORDER BY created_at DESC LIMIT 1) newest ON true"                               \
  " WHERE ($4::timestamptz IS NULL OR oldest.created_at < $4)"                       \
  "  AND ($3::timestamptz IS NULL OR oldest.created_at >= $3 OR newest.created_at >= $3)"
// Neighbours in `spans` become one.
#define RUNS_OF(spans)                                                                       \
  "SELECT min(first) AS first, max(last) AS last"                                            \
  " FROM (SELECT first, last, count(*) FILTER (WHERE is_apart) OVER (ORDER BY first) AS run" \
  "  FROM (SELECT first, last, first > lag(last) OVER (ORDER BY first) + 1 AS is_apart"      \
  "   FROM " spans ") a) b GROUP BY run"
// The spans of a level that the runs of the one above, of 16 times the size, consist of.
#define SPANS_OF(runs, shift)                                                                \
  "SELECT (first + 1) << 4 AS first, (last << 4) - 1 AS last FROM " runs                     \
  " WHERE last > first + 1"                                                                  \
  " UNION ALL"                                                                               \
  " SELECT span, span FROM (SELECT first AS edge FROM " runs " UNION SELECT last FROM " runs \
  ") e CROSS JOIN generate_series(edge << 4, (edge << 4) + 15) AS g (span)" TIMES_OF_SPAN(shift)
inline constexpr std::string_view kAuditRanges =
    "WITH RECURSIVE block (span) AS ("
    " (SELECT id >> 19 FROM audit_log WHERE id >> 19 >= $1::bigint >> 19 ORDER BY id >> 19 LIMIT 1)"
    " UNION ALL"
    " SELECT next.span FROM block, LATERAL (SELECT id >> 19 AS span FROM audit_log"
    "  WHERE id >> 19 > block.span ORDER BY id >> 19 LIMIT 1) next"
    " WHERE next.span <= $2::bigint >> 19"
    "), timely AS (SELECT span AS first, span AS last FROM block" TIMES_OF_SPAN("19")
    "), run AS (" RUNS_OF("timely")
    "), stretch AS (" SPANS_OF("run", "15")
    "), stretches AS (" RUNS_OF("stretch")
    "), part AS (" SPANS_OF("stretches", "11")
    "), parts AS (" RUNS_OF("part")
    "), range AS ("
    " SELECT greatest($1, first * 2048 - 1) AS after, least($2, last * 2048 + 2047) AS last"
    " FROM parts"
    ") SELECT after, last FROM range WHERE after < last ORDER BY after";
#undef RUNS_OF
#undef SPANS_OF
#undef TIMES_OF_SPAN

// A page of entries is this, one condition for each member of AuditQuery that is present, the ids
// that it may be among, an order, a limit, and one of the ends below. $4 is the tenant that the
// query names, or NULL. A tenant
// whose id the scope lists need not exist any more; a query for none is for the scope of all alone.
// Other programs may have stored something else than an object, or a mask.
inline constexpr std::string_view kAuditEvents =
    "WITH trail AS ("
    " SELECT 1 WHERE $1::boolean OR $4::uuid = ANY ($2::uuid[])"
    "  OR EXISTS (SELECT FROM tenants t WHERE t.id = $4::uuid AND t.slug = ANY ($3::text[]))"
    "), page AS (SELECT * FROM ("
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
