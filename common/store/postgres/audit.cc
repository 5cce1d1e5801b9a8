#include "common/store/postgres/audit.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/store/additions.h"
#include "common/store/postgres/audit_statements.h"
#include "common/store/postgres/scope.h"
#include "common/store/tenant_changes.h"

namespace registry::postgres {
namespace {

// How many ranges of ids a page is looked for in: there are several where rows have times far from
// those of their neighbours.
constexpr int kMaxRanges = 32;

// How often an append asks for its key, where that is taken and then free again.
constexpr int kMaxKeyAttempts = 3;

// The array of one member of all events; `member` gives it as something that a text can be made of.
template <class Member>
Parameter column(std::span<const AuditSubmission> events, const Member& member) {
  ArrayText array;
  for (const AuditSubmission& event : events) array.add(member(event));
  return Parameter(array);
}

// The same of a member of NewAuditEvent.
template <class T>
Parameter event_column(std::span<const AuditSubmission> events, T NewAuditEvent::*member) {
  return column(events, [&](const AuditSubmission& submission) -> const T& {
    return submission.event.*member;
  });
}

// And of AuditSubmission.
template <class T>
Parameter submission_column(std::span<const AuditSubmission> events, T AuditSubmission::*member) {
  return column(events,
                [&](const AuditSubmission& submission) -> const T& { return submission.*member; });
}

std::optional<std::string_view> slug_to_look_up(const AuditSubmission& submission) {
  if (!submission.tenant_slug) return std::nullopt;
  return submission.tenant_slug->str();
}

bool names_more_than_tenant_ids(const AuditSubmission& submission) {
  return submission.tenant_slug || submission.event.project_id || submission.project_slug;
}

// Only an event in Retraced's form is stored with its hash.
std::optional<std::string_view> hash_tail_to_store(const AuditSubmission& submission) {
  if (!submission.retraced_json) return std::nullopt;
  return submission.hash_tail;
}

// $1 to $20 of kAppendAuditEvents.
std::vector<Parameter> append_parameters(const TenantScope& scope,
                                         std::span<const AuditSubmission> events) {
  std::vector<Parameter> parameters = scope_parameters(scope);
  const auto add = [&](Parameter parameter) { parameters.push_back(std::move(parameter)); };
  add(event_column(events, &NewAuditEvent::tenant_id));
  add(column(events, slug_to_look_up));
  add(event_column(events, &NewAuditEvent::project_id));
  add(submission_column(events, &AuditSubmission::project_slug));
  add(event_column(events, &NewAuditEvent::actor_id));
  add(event_column(events, &NewAuditEvent::actor_name));
  add(event_column(events, &NewAuditEvent::actor_type));
  add(event_column(events, &NewAuditEvent::action));
  add(event_column(events, &NewAuditEvent::target_id));
  add(event_column(events, &NewAuditEvent::target_type));
  add(event_column(events, &NewAuditEvent::target_name));
  add(event_column(events, &NewAuditEvent::product));
  add(event_column(events, &NewAuditEvent::metadata_json));
  add(event_column(events, &NewAuditEvent::source_ip));
  add(event_column(events, &NewAuditEvent::user_agent));
  add(column(events, hash_tail_to_store));
  add(submission_column(events, &AuditSubmission::retraced_json));
  return parameters;
}

// What kAppendAuditEvents answered where it refused.
Error refused_references(const Rows& rows, std::span<const AuditSubmission> events) {
  std::vector<FieldError> fields;
  const auto note = [&](std::string member, const char* message) {
    if (fields.size() < kReferenceErrorLimit) fields.push_back({std::move(member), message});
  };
  for (int row = 0; row < rows.count(); ++row) {
    const auto& submission = events[static_cast<std::size_t>(rows.get<std::int64_t>(row, 1) - 1)];
    if (rows.get<bool>(row, 2)) note(tenant_member(submission), tenant_problem(submission));
    if (rows.get<bool>(row, 3)) note(project_member(submission), kNoSuchProject);
  }
  return invalid_request("The request has invalid members.", std::move(fields));
}

// What the statement answered; nothing where the key is taken.
Result<std::vector<AuditReceipt>> read_receipts(const Rows& rows,
                                                std::span<const AuditSubmission> events) {
  std::vector<AuditReceipt> receipts;
  receipts.reserve(events.size());
  for (int row = 0; row < rows.count(); ++row) {
    const auto id = rows.get<std::optional<std::int64_t>>(row, 0);
    if (!id) return fail(refused_references(rows, events));
    receipts.push_back(audit_receipt(*id, events[static_cast<std::size_t>(row)]));
  }
  return receipts;
}

// The receipts of an earlier append with the key, which was of the same events: so are their
// hashes. Nothing where the key has been forgotten since.
Result<std::vector<AuditReceipt>> earlier_receipts(Connection& db,
                                                   std::span<const AuditSubmission> events,
                                                   const IdempotencyKey& key) {
  const Rows rows =
      db.query(kAuditEventsOfKey, key.caller, key.key, key.digest, kIdempotencyDays * 24);
  std::vector<AuditReceipt> receipts;
  for (int row = 0; row < rows.count(); ++row) {
    const bool is_same_request =
        rows.get<bool>(row, 0) && std::cmp_equal(rows.count(), events.size());
    if (!is_same_request) return fail(key_reused());
    receipts.push_back(
        audit_receipt(rows.get<std::int64_t>(row, 1), events[static_cast<std::size_t>(row)]));
  }
  return receipts;
}

// The ids that a page may be among: greater than `after`, up to `last`.
struct IdRange {
  std::int64_t after = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
};

IdRange asked_range(const AuditQuery& query) {
  IdRange range;
  if (query.last_id) range.last = *query.last_id;
  if (!query.cursor) return range;
  if (query.newest_first) {
    range.last = std::min(range.last, *query.cursor - 1);
  } else {
    range.after = *query.cursor;
  }
  return range;
}

std::int64_t find_decided_id(Connection& db, const IdRange& range) {
  return db.query(kDecidedId, range.after).get<std::int64_t>(0, 0);
}

// The parts of a range that may have entries with the times of the query, in the order in which to
// read them; an empty one where there is none.
std::vector<IdRange> find_ranges(Connection& db, const AuditQuery& query, const IdRange& range) {
  const bool has_times = query.since || query.until;
  if (!has_times || range.after >= range.last) return {range};
  const Rows rows = db.query(kAuditRanges, range.after, range.last, query.since, query.until);
  std::vector<IdRange> ranges;
  for (int row = 0; row < rows.count(); ++row) {
    const IdRange found{.after = rows.get<std::int64_t>(row, 0),
                        .last = rows.get<std::int64_t>(row, 1)};
    // Of so many the last ones are read as one.
    if (std::cmp_equal(ranges.size(), kMaxRanges)) {
      ranges.back().last = found.last;
    } else {
      ranges.push_back(found);
    }
  }
  if (query.newest_first) std::reverse(ranges.begin(), ranges.end());
  if (ranges.empty()) ranges.push_back({.after = range.last, .last = range.last});
  return ranges;
}

// The id in the form that the index for these filters has, and no index for others: so the planner
// has no choice. See 0005_audit_pages.
const char* ordered_id(const AuditQuery& query) {
  const int columns = (query.tenant_id ? 1 : 0) + (query.actor_id ? 1 : 0) + (query.action ? 1 : 0);
  switch (columns) {
    case 3:
      return "id / 1";
    case 2:
      return "id - 0";
    case 1:
      return query.product ? "id * 1" : "id + 0";
    default:
      return query.product ? "id + 0" : "id";
  }
}

// kAuditEvents with its conditions: as many different texts as there are sets of these, so that
// each has a plan of its own.
class PageStatement {
 public:
  // A page of at most `limit` entries, up to the one with which they have `byte_limit` bytes.
  PageStatement(const TenantScope& scope, const AuditQuery& query, const IdRange& range, int limit,
                std::int64_t byte_limit)
      : text_(kAuditEvents), parameters_(scope_parameters(scope)) {
    parameters_.emplace_back(query.tenant_id);
    const std::string id = ordered_id(query);
    text_.append(" WHERE ").append(id).append(" > ").append(parameter(range.after));
    text_.append(" AND ").append(id).append(" <= ").append(parameter(range.last));
    if (query.tenant_id) text_ += " AND tenant_id = $4";
    if (query.product) add_product(query, *query.product);
    add("actor_id =", query.actor_id);
    add("action =", query.action);
    // Hidden from the indexes on this column: what they find would have to be sorted.
    add("created_at + interval '0' >=", query.since);
    add("created_at + interval '0' <", query.until);
    const std::string_view direction = query.newest_first ? " DESC" : "";
    text_.append(" ORDER BY ").append(id).append(direction).append(" LIMIT ");
    // The planner knows nothing of a parameter and takes it for a tenth of all that there is, so it
    // is told how many a page can have. One more than wanted tells whether there is a further page.
    text_.append(std::to_string(kLargestAuditPage + 1));
    text_.append(") known LIMIT ").append(parameter(limit + 1));
    text_.append(query.newest_first ? kLimitBytesDescending : kLimitBytes)
        .append(" ")
        .append(parameter(byte_limit))
        .append(" ORDER BY id")
        .append(direction);
  }

  [[nodiscard]] Rows run(Connection& db) const { return db.query_listed(text_, parameters_); }

 private:
  // Gives the name that the statement has for it.
  template <class T>
  std::string parameter(const T& value) {
    parameters_.emplace_back(value);
    return "$" + std::to_string(parameters_.size());
  }

  template <class T>
  void add(std::string_view comparison, const std::optional<T>& value) {
    if (value) text_.append(" AND ").append(comparison).append(" ").append(parameter(*value));
  }

  void add_product(const AuditQuery& query, const std::string& product) {
    const std::string value = parameter(product);
    // So much of it is in their index.
    if (query.actor_id && query.action && !query.tenant_id) {
      text_.append(" AND left(product, 100) = left(").append(value).append(", 100)");
    }
    text_.append(" AND product = ").append(value);
  }

  std::string text_;
  std::vector<Parameter> parameters_;
};

AuditEvent read_event(const Rows& rows, int row) {
  const auto text = [&](int column) { return rows.get<std::optional<std::string>>(row, column); };
  return {.id = rows.get<std::int64_t>(row, 0),
          .created_at = rows.get<Timestamp>(row, 1),
          .event = {.tenant_id = rows.get<std::optional<Uuid>>(row, 2),
                    .project_id = rows.get<std::optional<Uuid>>(row, 3),
                    .actor_id = text(4),
                    .actor_name = text(5),
                    .actor_type = text(6),
                    .action = rows.get<std::string>(row, 7),
                    .target_id = text(8),
                    .target_type = text(9),
                    .target_name = text(10),
                    .product = text(11),
                    .metadata_json = rows.get<std::string>(row, 12),
                    .source_ip = text(13),
                    .user_agent = text(14)},
          .retraced_json = text(15)};
}

std::int64_t metadata_bytes(const std::vector<AuditEvent>& entries) {
  std::size_t bytes = 0;
  for (const AuditEvent& entry : entries) {
    bytes += entry.event.metadata_json.size();
    if (entry.retraced_json) bytes += entry.retraced_json->size();
  }
  return static_cast<std::int64_t>(bytes);
}

// Adds what a PageStatement answered, and tells whether there may be more behind its range. The
// rows come without those behind the limit of bytes, and each with the number of all.
bool read_entries(const Rows& rows, int limit, AuditPage& page) {
  if (!rows.get<std::optional<std::int64_t>>(0, 0)) return true;
  const int count = std::min(rows.count(), limit);
  for (int row = 0; row < count; ++row) page.events.push_back(read_event(rows, row));
  if (std::cmp_equal(rows.get<std::int64_t>(0, 16), count)) return true;
  page.next_cursor = page.events.back().id;
  return false;
}

}  // namespace

Result<std::vector<AuditReceipt>> append_audit_events(Connection& db, const TenantScope& scope,
                                                      std::span<const AuditSubmission> events) {
  const bool is_plain = std::none_of(events.begin(), events.end(), names_more_than_tenant_ids);
  const std::string_view sql = is_plain ? kAppendPlainAuditEvents : kAppendAuditEvents;
  return read_receipts(db.query_listed(sql, append_parameters(scope, events)), events);
}

Status check_audit_events(Connection& db, const TenantScope& scope,
                          std::span<const AuditSubmission> events) {
  const Rows rows = db.query_listed(kCheckAuditEvents, append_parameters(scope, events));
  if (rows.count() == 0) return {};
  return fail(refused_references(rows, events));
}

// Between the two statements the key may run out and be forgotten: then it is free again.
Result<std::vector<AuditReceipt>> append_audit_events_once(Connection& db, const TenantScope& scope,
                                                           std::span<const AuditSubmission> events,
                                                           const IdempotencyKey& key) {
  std::vector<Parameter> parameters = append_parameters(scope, events);
  for (const std::string& text : {key.caller, key.key, key.digest}) parameters.emplace_back(text);
  parameters.emplace_back(kIdempotencyDays * 24);
  for (int attempt = 1;; ++attempt) {
    auto appended = read_receipts(db.query_listed(kAppendAuditEventsOnce, parameters), events);
    if (appended && !appended->empty()) return appended;
    // What the events refer to may be gone since they were appended.
    auto earlier = earlier_receipts(db, events, key);
    if (!earlier || !earlier->empty()) return earlier;
    if (!appended) return appended;
    if (attempt == kMaxKeyAttempts) throw StoreUnavailable("an idempotency key comes and goes");
  }
}

Result<AuditPage> audit_events(Connection& db, const TenantScope& scope, const AuditQuery& query) {
  IdRange range = asked_range(query);
  AuditPage page;
  if (!query.newest_first) {
    page.decided_id = find_decided_id(db, range);
    range.last = std::min(range.last, page.decided_id);
  }
  for (const IdRange& part : find_ranges(db, query, range)) {
    const std::int64_t bytes_left = query.byte_limit - metadata_bytes(page.events);
    // Of a full page all that is asked is whether anything follows.
    const int left = bytes_left > 0 ? query.limit - static_cast<int>(page.events.size()) : 0;
    const Rows rows = PageStatement(scope, query, part, left, bytes_left).run(db);
    if (rows.count() == 0) return fail(tenant_not_found());
    if (!read_entries(rows, left, page)) break;
  }
  return page;
}

}  // namespace registry::postgres
