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
  add(submission_column(events, &AuditSubmission::hash_tail));
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
    const auto& submission = events[static_cast<std::size_t>(rows.get<std::int64_t>(row, 0) - 1)];
    if (rows.get<bool>(row, 3)) note(tenant_member(submission), tenant_problem(submission));
    if (rows.get<bool>(row, 4)) note(project_member(submission), kNoSuchProject);
  }
  return invalid_request("The request has invalid members.", std::move(fields));
}

// What the statement answered; nothing where the key is taken.
Result<std::vector<AuditReceipt>> read_receipts(const Rows& rows,
                                                std::span<const AuditSubmission> events) {
  std::vector<AuditReceipt> receipts;
  receipts.reserve(events.size());
  for (int row = 0; row < rows.count(); ++row) {
    const auto id = rows.get<std::optional<std::int64_t>>(row, 1);
    if (!id) return fail(refused_references(rows, events));
    receipts.push_back({.id = *id, .hash = rows.get<std::string>(row, 2)});
  }
  return receipts;
}

// The receipts of an earlier append with the key, which was of the same events: so are their
// hashes. Nothing where the key has been forgotten since.
Result<std::vector<AuditReceipt>> earlier_receipts(Connection& db,
                                                   std::span<const AuditSubmission> events,
                                                   const IdempotencyKey& key) {
  const Rows rows = db.query(kAuditEventsOfKey, key.caller, key.key, key.digest,
                             submission_column(events, &AuditSubmission::hash_tail));
  std::vector<AuditReceipt> receipts;
  for (int row = 0; row < rows.count(); ++row) {
    if (!rows.get<bool>(row, 0)) return fail(key_reused());
    receipts.push_back(
        {.id = rows.get<std::int64_t>(row, 1), .hash = rows.get<std::string>(row, 2)});
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

struct AuditBounds {
  IdRange range;
  std::int64_t decided_id = 0;
};

AuditBounds find_bounds(Connection& db, const AuditQuery& query) {
  AuditBounds bounds{.range = asked_range(query)};
  IdRange& range = bounds.range;
  if (query.newest_first && !query.since && !query.until) return bounds;
  const Rows rows =
      db.query(kAuditBounds, !query.newest_first, range.after, query.since, query.until);
  const auto bound = [&](int column) { return rows.get<std::optional<std::int64_t>>(0, column); };
  using Limits = std::numeric_limits<std::int64_t>;
  if (query.since) range.after = std::max(range.after, bound(1).value_or(Limits::max()));
  if (query.until) range.last = std::min(range.last, bound(2).value_or(Limits::min()));
  if (!query.newest_first) {
    bounds.decided_id = bound(0).value();
    range.last = std::min(range.last, bounds.decided_id);
  }
  return bounds;
}

// kAuditEvents with its conditions: as many different texts as there are sets of these, so that
// each has a plan of its own.
class PageStatement {
 public:
  PageStatement(const TenantScope& scope, const AuditQuery& query, const IdRange& range)
      : text_(kAuditEvents), parameters_(scope_parameters(scope)) {
    parameters_.emplace_back(query.tenant_id);
    text_.append(" WHERE id > ").append(parameter(range.after));
    text_.append(" AND id <= ").append(parameter(range.last));
    if (query.tenant_id) text_ += " AND tenant_id = $4";
    add("product =", query.product);
    add("actor_id =", query.actor_id);
    add("action =", query.action);
    // Hidden from the indexes on this column: what they find would have to be sorted.
    add("created_at + interval '0' >=", query.since);
    add("created_at + interval '0' <", query.until);
    const std::string_view order = query.newest_first ? " ORDER BY id DESC" : " ORDER BY id";
    // One more than wanted tells whether there is a further page.
    text_.append(order).append(" LIMIT ").append(parameter(query.limit + 1));
    text_.append(query.newest_first ? kLimitBytesDescending : kLimitBytes)
        .append(" ")
        .append(parameter(query.byte_limit))
        .append(order);
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

}  // namespace

Result<std::vector<AuditReceipt>> append_audit_events(Connection& db, const TenantScope& scope,
                                                      std::span<const AuditSubmission> events) {
  return read_receipts(db.query_listed(kAppendAuditEvents, append_parameters(scope, events)),
                       events);
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
    if (!appended || !appended->empty()) return appended;
    auto earlier = earlier_receipts(db, events, key);
    if (!earlier || !earlier->empty()) return earlier;
    if (attempt == kMaxKeyAttempts) throw StoreUnavailable("an idempotency key comes and goes");
  }
}

// The rows come without those behind the limit of bytes, and each with the number of all.
Result<AuditPage> audit_events(Connection& db, const TenantScope& scope, const AuditQuery& query) {
  const AuditBounds bounds = find_bounds(db, query);
  const Rows rows = PageStatement(scope, query, bounds.range).run(db);
  if (rows.count() == 0) return fail(tenant_not_found());
  AuditPage page;
  page.decided_id = bounds.decided_id;
  if (!rows.get<std::optional<std::int64_t>>(0, 0)) return page;
  page.events.reserve(static_cast<std::size_t>(std::min(rows.count(), query.limit)));
  for (int row = 0; row < std::min(rows.count(), query.limit); ++row) {
    page.events.push_back(read_event(rows, row));
  }
  const bool is_last = std::cmp_equal(rows.get<std::int64_t>(0, 16), page.events.size());
  if (!is_last) page.next_cursor = page.events.back().id;
  return page;
}

}  // namespace registry::postgres
