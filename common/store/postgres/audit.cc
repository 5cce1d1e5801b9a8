#include "common/store/postgres/audit.h"

#include <algorithm>
#include <array>
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

std::optional<std::string_view> slug_to_look_up(const AuditSubmission& submission) {
  if (!submission.tenant_slug) return std::nullopt;
  return submission.tenant_slug->str();
}

Rows run_append(Connection& db, const TenantScope& scope, std::span<const AuditSubmission> events) {
  return query_in_scope(
      db, scope, kAppendAuditEvents, event_column(events, &NewAuditEvent::tenant_id),
      column(events, slug_to_look_up), event_column(events, &NewAuditEvent::project_id),
      event_column(events, &NewAuditEvent::actor_id),
      event_column(events, &NewAuditEvent::actor_name),
      event_column(events, &NewAuditEvent::actor_type),
      event_column(events, &NewAuditEvent::action), event_column(events, &NewAuditEvent::target_id),
      event_column(events, &NewAuditEvent::target_type),
      event_column(events, &NewAuditEvent::target_name),
      event_column(events, &NewAuditEvent::product),
      event_column(events, &NewAuditEvent::metadata_json),
      event_column(events, &NewAuditEvent::source_ip),
      event_column(events, &NewAuditEvent::user_agent),
      column(events,
             [](const AuditSubmission& event) { return std::string_view(event.hash_tail); }),
      column(events, [](const AuditSubmission& event) -> const std::optional<std::string>& {
        return event.retraced_json;
      }));
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

// kAuditEvents with its conditions: as many different texts as there are sets of these, so that
// each has a plan of its own.
class PageStatement {
 public:
  PageStatement(const TenantScope& scope, const AuditQuery& query)
      : text_(kAuditEvents), parameters_(scope_parameters(scope)) {
    parameters_.emplace_back(query.tenant_id);
    if (query.tenant_id) add_condition("tenant_id = $4");
    add("product =", query.product);
    add("actor_id =", query.actor_id);
    add("action =", query.action);
    add("created_at >=", query.since);
    add("created_at <", query.until);
    using Limits = std::numeric_limits<std::int64_t>;
    const std::int64_t start = query.newest_first ? Limits::max() : Limits::min();
    add(query.newest_first ? "id <" : "id >", std::optional(query.cursor.value_or(start)));
    const std::string_view order = query.newest_first ? " ORDER BY id DESC" : " ORDER BY id";
    text_ += order;
    // One more than wanted tells whether there is a further page.
    parameters_.emplace_back(query.limit + 1);
    text_ += " LIMIT $" + std::to_string(parameters_.size());
    parameters_.emplace_back(std::int64_t{kAuditPageBytes});
    text_.append(query.newest_first ? kLimitBytesDescending : kLimitBytes)
        .append(" $")
        .append(std::to_string(parameters_.size()))
        .append(order);
  }

  [[nodiscard]] Rows run(Connection& db) const { return db.query_listed(text_, parameters_); }

 private:
  template <class T>
  void add(std::string_view comparison, const std::optional<T>& value) {
    if (!value) return;
    parameters_.emplace_back(*value);
    add_condition(std::string(comparison) + " $" + std::to_string(parameters_.size()));
  }

  void add_condition(std::string_view condition) {
    text_.append(has_condition_ ? " AND " : " WHERE ").append(condition);
    has_condition_ = true;
  }

  std::string text_;
  bool has_condition_ = false;
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
  const Rows rows = run_append(db, scope, events);
  std::vector<AuditReceipt> receipts;
  receipts.reserve(events.size());
  for (int row = 0; row < rows.count(); ++row) {
    const auto id = rows.get<std::optional<std::int64_t>>(row, 1);
    if (!id) return fail(refused_references(rows, events));
    receipts.push_back({.id = *id, .hash = rows.get<std::string>(row, 2)});
  }
  return receipts;
}

// The rows come without those behind the limit of bytes, and each with the number of all.
Result<AuditPage> audit_events(Connection& db, const TenantScope& scope, const AuditQuery& query) {
  const Rows rows = PageStatement(scope, query).run(db);
  if (rows.count() == 0) return fail(tenant_not_found());
  AuditPage page;
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
