#include "common/domain/audit_event.h"

#include <charconv>
#include <limits>

namespace registry {
namespace {

// A whole number from low to high, in digits alone.
Parsed<std::int64_t> parse_whole(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const bool has_sign = text.starts_with('-');  // "-0" would be a second spelling of 0
  if (error != std::errc() || stop != end || has_sign || number < low || number > high) {
    return tl::unexpected<std::string>("must be a whole number from " + std::to_string(low) +
                                       " to " + std::to_string(high));
  }
  return number;
}

}  // namespace

Parsed<int> parse_audit_limit(std::string_view text) {
  return parse_whole(text, 1, kLargestAuditPage).map([](std::int64_t number) {
    return static_cast<int>(number);
  });
}

Parsed<std::int64_t> parse_audit_cursor(std::string_view text) {
  return parse_whole(text, 0, std::numeric_limits<std::int64_t>::max());
}

Parsed<bool> parse_audit_order(std::string_view text) {
  if (text == "asc") return false;
  if (text == "desc") return true;
  return tl::unexpected<std::string>("must be asc or desc");
}

}  // namespace registry
