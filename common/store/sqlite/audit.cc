#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/json_writer.h"
#include "common/store/additions.h"
#include "common/store/audit_metadata.h"
#include "common/store/sqlite/audit_page.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/scope.h"
#include "common/store/sqlite/sqlite_store.h"
#include "common/store/tenant_changes.h"

namespace registry::sqlite {
namespace {

// Where AUTOINCREMENT would go on.
constexpr std::string_view kLastId =
    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'), 0),"
    " coalesce((SELECT max(id) FROM audit_log), 0))";

// Moments are texts, which begin with a digit: "~" comes after all of them, "" before.
constexpr std::string_view kBeforeAllMoments;
constexpr std::string_view kAfterAllMoments = "~";

// Whether the trail of ?4, the tenant that a query names, is in the scope. A tenant whose id the
// scope lists need not exist any more; a query for none is for the scope of all alone.
#define SCOPE_HAS_TRAIL                                 \
  "(?1 OR ?4 IN (SELECT value FROM json_each(?2))"      \
  " OR EXISTS (SELECT 1 FROM tenants t WHERE t.id = ?4" \
  " AND t.slug IN (SELECT value FROM json_each(?3))))"
constexpr std::string_view kHasTrail = "SELECT " SCOPE_HAS_TRAIL;

// The entries of a page; audit_page_sql() completes it. The times are hidden from the indexes: what
// those find would have to be sorted.
static_assert(kReservedMetadataKey == "_retraced");
constexpr std::string_view kSelectEvents =
    "SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
    " target_id, target_type, target_name, product,"
    " CASE WHEN metadata -> '$._retraced' IS NULL THEN metadata"
    " ELSE json_remove(metadata, '$._retraced') END,"
    " source_ip, user_agent,"
    " CASE json_type(metadata, '$._retraced') WHEN 'object' THEN metadata -> '$._retraced' END"
    " FROM audit_log WHERE +created_at >= ?8 AND +created_at < ?9 AND id > ?10 AND id <= ?11"
    " AND " SCOPE_HAS_TRAIL;
#undef SCOPE_HAS_TRAIL

// A few that have run out at ?1; that of this request is replaced.
constexpr std::string_view kForgetKeys =
    "DELETE FROM idempotency_keys WHERE (caller, key) IN (SELECT caller, key FROM idempotency_keys"
    " WHERE created_at <= ?1 ORDER BY created_at LIMIT 3)";
constexpr std::string_view kKeepKey =
    "INSERT INTO idempotency_keys (caller, key, digest, ids, created_at) VALUES (?1, ?2, ?3, ?4, "
    "?5)"
    " ON CONFLICT (caller, key) DO UPDATE SET digest = excluded.digest, ids = excluded.ids,"
    " created_at = excluded.created_at";

constexpr std::string_view kTenantIdBySlug =
    "SELECT t.id FROM tenants t WHERE t.slug = ?4 AND " SCOPE_HAS_TENANT;

// Nothing where an event names no tenant, or none in the scope.
std::optional<Uuid> find_tenant(Connection& db, const TenantScope& scope,
                                const AuditSubmission& submission) {
  if (const auto& id = submission.event.tenant_id) {
    return find_tenant_status(db, scope, *id) ? id : std::nullopt;
  }
  if (!submission.tenant_slug) return std::nullopt;
  Statement row = query_in_scope(db, scope, kTenantIdBySlug, submission.tenant_slug->str());
  if (!row.step()) return std::nullopt;
  return row.get<Uuid>(0);
}

// Nothing where an event names no project, or none of the tenant.
std::optional<Uuid> find_project(Connection& db, const AuditSubmission& submission,
                                 const std::optional<Uuid>& tenant_id) {
  const auto& id = submission.event.project_id;
  if (!id && !submission.project_slug) return std::nullopt;
  Statement row = db.query(
      "SELECT id FROM tenant_projects"
      " WHERE tenant_id = ?1 AND CASE WHEN ?2 IS NULL THEN slug = ?3 ELSE id = ?2 END",
      tenant_id, id, submission.project_slug);
  if (!row.step()) return std::nullopt;
  return row.get<Uuid>(0);
}

// What events refer to.
struct Named {
  std::optional<Uuid> tenant_id;
  std::optional<Uuid> project_id;
};

// The tenant and the project of each event; what is wrong with them goes to `errors`.
class References {
 public:
  References(Connection& db, const TenantScope& scope,
             std::span<const AuditSubmission> submissions) {
    for (const AuditSubmission& submission : submissions) {
      const auto tenant_id = find_tenant(db, scope, submission);
      const bool names_tenant = submission.event.tenant_id || submission.tenant_slug;
      if (!tenant_id && (names_tenant || !scope.is_all())) {
        note(tenant_member(submission), tenant_problem(submission));
      }
      const auto project_id = find_project(db, submission, tenant_id);
      if (!project_id && (submission.event.project_id || submission.project_slug)) {
        note(project_member(submission), kNoSuchProject);
      }
      named_.push_back({.tenant_id = tenant_id, .project_id = project_id});
    }
  }

  [[nodiscard]] const std::vector<Named>& named() const { return named_; }
  [[nodiscard]] const std::vector<FieldError>& errors() const { return errors_; }
  [[nodiscard]] Error error() const {
    return invalid_request("The request has invalid members.", errors_);
  }

 private:
  void note(std::string member, const char* message) {
    if (errors_.size() < kReferenceErrorLimit) errors_.push_back({std::move(member), message});
  }

  std::vector<Named> named_;
  std::vector<FieldError> errors_;
};

std::int64_t last_audit_id(Connection& db) {
  Statement row = db.query(kLastId);
  row.step();
  return row.get<std::int64_t>(0);
}

std::int64_t newest_id(Connection& db) {
  Statement row = db.query("SELECT coalesce(max(id), 0) FROM audit_log");
  row.step();
  return row.get<std::int64_t>(0);
}

// The event as it is stored: with its tenant and project, and with what Retraced's form has beyond
// the columns.
NewAuditEvent stored_event(const AuditSubmission& submission, const Named& named,
                           const std::string& hash) {
  NewAuditEvent event = submission.event;
  event.tenant_id = named.tenant_id;
  event.project_id = named.project_id;
  if (submission.retraced_json) {
    event.metadata_json =
        metadata_with_reserved(event.metadata_json, *submission.retraced_json, hash);
  }
  return event;
}

// All but what has become of the transaction, which the caller ends.
Result<std::vector<AuditReceipt>> append(Connection& db, const TenantScope& scope,
                                         std::span<const AuditSubmission> events, Timestamp now) {
  const References references(db, scope, events);
  if (!references.errors().empty()) return fail(references.error());
  std::vector<AuditReceipt> receipts;
  std::int64_t id = last_audit_id(db);
  for (std::size_t i = 0; i < events.size(); ++i) {
    // Known before the entry is written, because an entry may hold its own hash.
    ++id;
    receipts.push_back(audit_receipt(id, events[i]));
    const std::string& hash = receipts.back().hash;
    insert_audit_event(db, stored_event(events[i], references.named()[i], hash), now, id);
  }
  return receipts;
}

// What was appended with a key: the ids, and whether its digest is the same.
struct KeptKey {
  bool is_same_request = false;
  std::vector<std::int64_t> ids;
};

// Nothing where the key is unused, or was used too long ago.
std::optional<KeptKey> find_key(Connection& db, const IdempotencyKey& key, Timestamp now) {
  Statement row = db.query(
      "SELECT k.digest = ?3, i.value FROM idempotency_keys k, json_each(k.ids) i"
      " WHERE k.caller = ?1 AND k.key = ?2 AND k.created_at > ?4 ORDER BY i.key",
      key.caller, key.key, key.digest, add_days(now, -kIdempotencyDays));
  KeptKey kept;
  while (row.step()) {
    kept.is_same_request = row.get<bool>(0);
    kept.ids.push_back(row.get<std::int64_t>(1));
  }
  if (kept.ids.empty()) return std::nullopt;
  return kept;
}

// The events are the same as then, and so are their hashes.
Result<std::vector<AuditReceipt>> receipts_of(const KeptKey& kept,
                                              std::span<const AuditSubmission> events) {
  if (!kept.is_same_request || kept.ids.size() != events.size()) return fail(key_reused());
  std::vector<AuditReceipt> receipts;
  for (std::size_t i = 0; i < events.size(); ++i) {
    receipts.push_back(audit_receipt(kept.ids[i], events[i]));
  }
  return receipts;
}

std::string ids_json(const std::vector<AuditReceipt>& receipts) {
  JsonWriter json;
  json.begin_array();
  for (const AuditReceipt& receipt : receipts) json.value(receipt.id);
  json.end_array();
  return json.str();
}

AuditEvent read_event(const Statement& row) {
  return {.id = row.get<std::int64_t>(0),
          .created_at = row.get<Timestamp>(1),
          .event = {.tenant_id = row.get<std::optional<Uuid>>(2),
                    .project_id = row.get<std::optional<Uuid>>(3),
                    .actor_id = row.get<std::optional<std::string>>(4),
                    .actor_name = row.get<std::optional<std::string>>(5),
                    .actor_type = row.get<std::optional<std::string>>(6),
                    .action = row.get<std::string>(7),
                    .target_id = row.get<std::optional<std::string>>(8),
                    .target_type = row.get<std::optional<std::string>>(9),
                    .target_name = row.get<std::optional<std::string>>(10),
                    .product = row.get<std::optional<std::string>>(11),
                    .metadata_json = row.get<std::string>(12),
                    .source_ip = row.get<std::optional<std::string>>(13),
                    .user_agent = row.get<std::optional<std::string>>(14)},
          .retraced_json = row.get<std::optional<std::string>>(15)};
}

bool has_trail(Connection& db, const TenantScope& scope, const AuditQuery& query) {
  Statement row = query_in_scope(db, scope, kHasTrail, query.tenant_id);
  return row.step() && row.get<std::optional<bool>>(0).value_or(false);
}

std::int64_t metadata_bytes(const AuditEvent& entry) {
  std::size_t bytes = entry.event.metadata_json.size();
  if (entry.retraced_json) bytes += entry.retraced_json->size();
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

std::string audit_page_sql(const AuditQuery& query) {
  std::string sql(kSelectEvents);
  if (query.tenant_id) sql += " AND tenant_id = ?4";
  if (query.product) sql += " AND product = ?5";
  if (query.actor_id) sql += " AND actor_id = ?6";
  if (query.action) sql += " AND action = ?7";
  return sql.append(query.newest_first ? " ORDER BY id DESC" : " ORDER BY id").append(" LIMIT ?12");
}

Result<std::vector<AuditReceipt>> SqliteStore::append_audit_events(
    const TenantScope& scope, std::span<const AuditSubmission> events) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  auto receipts = append(*db, scope, events, clock_.now());
  if (receipts) transaction.commit();
  return receipts;
}

Status SqliteStore::check_audit_events(const TenantScope& scope,
                                       std::span<const AuditSubmission> events) {
  const Pool::Lease db(*pool_);
  const References references(*db, scope, events);
  if (references.errors().empty()) return {};
  return fail(references.error());
}

Result<std::vector<AuditReceipt>> SqliteStore::append_audit_events_once(
    const TenantScope& scope, std::span<const AuditSubmission> events, const IdempotencyKey& key) {
  const Pool::Lease db(*pool_);
  Transaction transaction(*db);
  const Timestamp now = clock_.now();
  if (const auto kept = find_key(*db, key, now)) return receipts_of(*kept, events);
  auto receipts = append(*db, scope, events, now);
  if (!receipts) return receipts;
  db->run(kForgetKeys, add_days(now, -kIdempotencyDays));
  db->run(kKeepKey, key.caller, key.key, key.digest, ids_json(*receipts), now);
  transaction.commit();
  return receipts;
}

Result<AuditPage> SqliteStore::audit_events(const TenantScope& scope, const AuditQuery& query) {
  const Pool::Lease db(*pool_);
  AuditPage page;
  // Entries appear in the order of their ids, because there is one writer at a time: up to the
  // last one there will be no further.
  page.decided_id = newest_id(*db);
  using Limits = std::numeric_limits<std::int64_t>;
  std::int64_t after = Limits::min();
  std::int64_t last = query.last_id.value_or(Limits::max());
  if (query.newest_first) {
    if (query.cursor) last = std::min(last, *query.cursor - 1);
  } else {
    if (query.cursor) after = *query.cursor;
    last = std::min(last, page.decided_id);
  }
  const std::string since = query.since ? query.since->to_string() : std::string(kBeforeAllMoments);
  const std::string until = query.until ? query.until->to_string() : std::string(kAfterAllMoments);
  // One more than wanted tells whether there is a further page.
  Statement row = query_in_scope(*db, scope, audit_page_sql(query), query.tenant_id, query.product,
                                 query.actor_id, query.action, since, until, after, last,
                                 std::int64_t{query.limit} + 1);
  std::int64_t bytes = 0;
  while (row.step()) {
    if (std::cmp_equal(page.events.size(), query.limit) || bytes >= query.byte_limit) {
      page.next_cursor = page.events.back().id;
      break;
    }
    page.events.push_back(read_event(row));
    bytes += metadata_bytes(page.events.back());
  }
  // The page itself cannot tell an empty trail from one that is not in the scope.
  if (page.events.empty() && !has_trail(*db, scope, query)) return fail(tenant_not_found());
  return page;
}

}  // namespace registry::sqlite
