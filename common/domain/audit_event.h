#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/domain/rules.h"
#include "common/domain/uuid.h"

namespace registry {

// What happened, as a producer reports it.
struct NewAuditEvent {
  std::optional<Uuid> tenant_id;
  std::optional<Uuid> project_id;
  std::optional<std::string> actor_id;
  std::optional<std::string> actor_name;
  std::optional<std::string> actor_type;
  std::string action;
  std::optional<std::string> target_id;
  std::optional<std::string> target_type;
  std::optional<std::string> target_name;
  std::optional<std::string> product;  // absent: the portal or the registry itself
  std::string metadata_json = "{}";    // an object
  std::optional<std::string> source_ip;
  std::optional<std::string> user_agent;
};

// The one member of stored metadata that is ours: what an event in Retraced's form has beyond the
// columns. Nobody else may write it, and reading leaves it out of the metadata.
inline constexpr std::string_view kReservedMetadataKey = "_retraced";

// An event that a producer hands in, with what its receipt and its storage need.
struct AuditSubmission {
  NewAuditEvent event;
  std::optional<Slug> tenant_slug = {};  // names the tenant where event.tenant_id does not
  // Names the project where event.project_id does not: UTF-8 text, which is or is not a slug.
  std::optional<std::string> project_slug = {};
  std::string hash_tail;  // crypto::audit_hash_tail of the event as received
  // Of an event in Retraced's form: an object of all that the columns do not hold, to be stored
  // with the hash as its member "hash".
  std::optional<std::string> retraced_json = {};
  std::string place = {};  // in front of the names of its members in errors: "[3]." in an array
};

// What the producer gets for it.
struct AuditReceipt {
  std::int64_t id = 0;
  std::string hash;  // 64 hexadecimal digits

  bool operator==(const AuditReceipt&) const = default;
};

// What makes it safe to send an append again: of all appends of a caller with one key, within
// kIdempotencyDays, one takes place.
struct IdempotencyKey {
  std::string caller;  // keys of different callers are different keys
  std::string key;     // as the caller chose it
  std::string digest;  // 64 hexadecimal digits, other ones for another request
};

// How long a key counts from its first use, in days of 24 hours.
inline constexpr int kIdempotencyDays = 1;

// One entry of the audit trail. Ids grow with the order in which entries were made.
struct AuditEvent {
  std::int64_t id = 0;
  Timestamp created_at;  // the server's time of receipt
  NewAuditEvent event;   // its metadata without the reserved member
  // What was stored under the reserved member, hash included.
  std::optional<std::string> retraced_json = {};
};

// How errors name the members that the store looks up, and what they say of them; of many at most
// kReferenceErrorLimit.
inline constexpr std::size_t kReferenceErrorLimit = 100;
inline constexpr const char* kNoSuchTenant = "names no tenant";
inline constexpr const char* kNeedsTenant = "must name a tenant";
inline constexpr const char* kNoSuchProject = "names no project of the tenant";
[[nodiscard]] inline std::string tenant_member(const AuditSubmission& submission) {
  return submission.place + (submission.retraced_json ? "group.id" : "tenant_id");
}
// What is wrong with a tenant_member() that the store refuses.
[[nodiscard]] inline const char* tenant_problem(const AuditSubmission& submission) {
  const bool names_tenant = submission.event.tenant_id || submission.tenant_slug;
  return names_tenant ? kNoSuchTenant : kNeedsTenant;
}
[[nodiscard]] inline std::string product_member(const AuditSubmission& submission) {
  return submission.place + (submission.retraced_json ? "component" : "product");
}
[[nodiscard]] inline std::string project_member(const AuditSubmission& submission) {
  return submission.place + "project_id";
}

// How many entries a page of the trail has unless it is told, and at most.
inline constexpr int kDefaultAuditPage = 100;
inline constexpr int kLargestAuditPage = 500;
// A page ends behind the entry with which its metadata, Retraced's members included, has this many
// bytes, unless it is told fewer: entries may have hundreds of kilobytes.
inline constexpr std::int64_t kAuditPageBytes = 8 << 20;

// The parameters of a page, as a caller writes them: the number of entries; the id of an entry, or
// 0; "asc" or "desc", the latter being true.
[[nodiscard]] Parsed<int> parse_audit_limit(std::string_view text);
[[nodiscard]] Parsed<std::int64_t> parse_audit_cursor(std::string_view text);
[[nodiscard]] Parsed<bool> parse_audit_order(std::string_view text);

// Which entries of the audit trail to read; the members that are present must all match.
struct AuditQuery {
  std::optional<Uuid> tenant_id = {};
  std::optional<std::string> product = {};
  std::optional<std::string> actor_id = {};
  std::optional<std::string> action = {};
  std::optional<Timestamp> since = {};      // inclusive
  std::optional<Timestamp> until = {};      // exclusive
  std::optional<std::int64_t> cursor = {};  // the id after (newest_first: before) which to go on
  int limit = kDefaultAuditPage;            // 1 to 500
  bool newest_first = false;
  std::optional<std::int64_t> last_id = {};  // the greatest id to read
  std::int64_t byte_limit = kAuditPageBytes;
};

struct AuditPage {
  std::vector<AuditEvent> events;
  std::optional<std::int64_t> next_cursor;  // absent: this was the last page for now
  // With the oldest first: up to this id the trail is decided, and was read. Entries that appear
  // later have greater ids.
  std::int64_t decided_id = 0;
};

}  // namespace registry
