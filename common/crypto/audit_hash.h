#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace registry::crypto {

struct AuditHashEntry {
  std::string_view key;
  std::string_view value;
};

// In any order; no key twice.
using AuditHashMap = std::vector<AuditHashEntry>;

// The members of an audit event that its hash covers, each as received: UTF-8, `source_ip` before
// anything reads it as an address. An absent text is an empty one; an absent map is not.
struct AuditHashInput {
  std::string_view action = {};
  std::string_view target_id = {};
  std::string_view actor_id = {};
  std::string_view group_id = {};
  std::string_view source_ip = {};
  bool is_failure = false;
  bool is_anonymous = false;
  std::optional<AuditHashMap> fields = {};
  std::string_view external_id = {};
  std::optional<AuditHashMap> metadata = {};
};

// The hash of an audit event is the SHA-256 of a text that begins with the event's id, which only
// the store knows. So it takes two steps: the tail is what follows `<id>:` in that text, and holds
// nothing that has to be escaped again.
// Source: the npm package @retracedhq/retraced 0.7.23, whose clients compute the hash anew.
[[nodiscard]] std::string audit_hash_tail(const AuditHashInput& event);

// The hash in 64 hexadecimal digits, lower case. A store can compute it as well: an id of digits
// has nothing to escape, so it is the SHA-256 of the id, ':' and the tail.
[[nodiscard]] std::string audit_hash(std::string_view id, std::string_view tail);

}  // namespace registry::crypto
