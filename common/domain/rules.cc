#include "common/domain/rules.h"

#include <algorithm>

#include <arpa/inet.h>

#include "common/base/utf8.h"

namespace registry {
namespace {

constexpr std::size_t kTextLimit = 255;
constexpr std::size_t kLongTextLimit = 4096;
constexpr std::size_t kSlugMin = 3;
constexpr std::size_t kSlugLimit = 40;
constexpr std::size_t kTokenLimit = 64;

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

bool is_token(std::string_view text) {
  if (text.empty() || text.size() > kTokenLimit || !is_lower_alphanumeric(text.front())) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower_alphanumeric(c) || c == '.' || c == '_' || c == ':' || c == '-';
  });
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
  if (!is_token(text)) return wrong(kTokenMessage);
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

bool is_ip_address(const std::string& text) {
  in6_addr address{};  // large enough for either family
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

Parsed<std::string> parse_plan(std::string_view text) {
  if (!is_token(text)) return wrong(kTokenMessage);
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
