#include "common/domain/rules.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "common/base/utf8.h"

namespace registry {
namespace {

constexpr std::size_t kTextLimit = 255;
constexpr std::size_t kLongTextLimit = 4096;
constexpr std::size_t kSlugMin = 3;
constexpr std::size_t kSlugLimit = 40;
constexpr std::size_t kTokenLimit = 64;
constexpr std::size_t kScopeLimit = 128;

tl::unexpected<std::string> wrong(std::string message) {
  return tl::unexpected<std::string>(std::move(message));
}

// Locale-independent, unlike <cctype>.
bool is_lower_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_slug(std::string_view text) {
  if (text.size() < kSlugMin || text.size() > kSlugLimit) return false;
  if (!is_lower_alphanumeric(text.front()) || !is_lower_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

// `limit` characters at most of a-z, 0-9 and, behind the first, `others`.
bool is_token(std::string_view text, std::size_t limit, std::string_view others) {
  if (text.empty() || text.size() > limit || !is_lower_alphanumeric(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_lower_alphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

// The id of a product or a plan.
bool is_id(std::string_view text) {
  return is_token(text, kTokenLimit, "._:-");
}

Parsed<std::string> parse_limited(std::string_view text, std::size_t limit) {
  if (text.empty() || code_point_count(text) > limit) {
    return wrong("must have 1 to " + std::to_string(limit) + " characters");
  }
  return std::string(text);
}

constexpr const char* kTokenMessage = "must match ^[a-z0-9][a-z0-9._:-]{0,63}$";

}  // namespace

Parsed<Slug> Slug::parse(std::string_view text) {
  if (!is_slug(text)) return wrong("must match ^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$");
  return Slug(text);
}

Parsed<ProductId> ProductId::parse(std::string_view text) {
  if (!is_id(text)) return wrong(kTokenMessage);
  return ProductId(text);
}

Parsed<Uuid> parse_uuid(std::string_view text) {
  const auto uuid = Uuid::parse(text);
  if (!uuid) return wrong("must be a UUID");
  return *uuid;
}

Parsed<Date> parse_date(std::string_view text) {
  const auto date = Date::parse(text);
  if (!date) return wrong("must be a date, YYYY-MM-DD");
  return *date;
}

Parsed<Timestamp> parse_moment(std::string_view text) {
  const auto moment = Timestamp::parse_rfc3339(text);
  if (!moment) return wrong("must be a date and time of RFC 3339, such as 2026-05-19T10:10:15Z");
  return *moment;
}

Parsed<bool> parse_flag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return wrong("must be true or false");
}

std::optional<std::string> canonical_ip_address(const std::string& text) {
  for (const int family : {AF_INET, AF_INET6}) {
    in6_addr address{};  // large enough for either family
    if (::inet_pton(family, text.c_str(), &address) != 1) continue;
    std::array<char, INET6_ADDRSTRLEN> canonical{};
    if (::inet_ntop(family, &address, canonical.data(), canonical.size()) == nullptr) break;
    return canonical.data();
  }
  return std::nullopt;
}

Parsed<std::string> parse_plan(std::string_view text) {
  if (!is_id(text)) return wrong(kTokenMessage);
  return std::string(text);
}

Parsed<std::string> parse_scope(std::string_view text) {
  if (!is_token(text, kScopeLimit, "._:*-")) {
    return wrong("must match ^[a-z0-9][a-z0-9._:*-]{0,127}$");
  }
  return std::string(text);
}

Parsed<std::string> parse_name(std::string_view text) {
  auto name = parse_limited(text, kTextLimit);
  if (!name) return name;
  // A name that is all white space also starts with it.
  if (is_white_space(*first_code_point(text)) || is_white_space(*last_code_point(text))) {
    return wrong("must not be blank or start or end with white space");
  }
  return name;
}

Parsed<std::string> parse_text(std::string_view text) {
  return parse_limited(text, kTextLimit);
}

Parsed<std::string> parse_long_text(std::string_view text) {
  return parse_limited(text, kLongTextLimit);
}

}  // namespace registry
