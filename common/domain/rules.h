#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/base/time.h"
#include "common/domain/uuid.h"

namespace registry {

// A value, or what is wrong with the text, as a sentence without a subject: "must be …". The
// texts given to the parsers below are valid UTF-8 without U+0000; lengths are in code points.
template <class T>
using Parsed = tl::expected<T, std::string>;

// An organisation's name in URLs: ^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$.
class Slug {
 public:
  [[nodiscard]] static Parsed<Slug> parse(std::string_view text);
  [[nodiscard]] const std::string& str() const { return text_; }
  bool operator==(const Slug&) const = default;

 private:
  explicit Slug(std::string_view text) : text_(text) {}
  std::string text_;
};

// The id of a product of the platform: ^[a-z0-9][a-z0-9._:-]{0,63}$.
class ProductId {
 public:
  [[nodiscard]] static Parsed<ProductId> parse(std::string_view text);
  [[nodiscard]] const std::string& str() const { return text_; }
  bool operator==(const ProductId&) const = default;

 private:
  explicit ProductId(std::string_view text) : text_(text) {}
  std::string text_;
};

// The text of a product's id, as stores keep it.
[[nodiscard]] inline std::optional<std::string> text_of(const std::optional<ProductId>& product) {
  if (!product) return std::nullopt;
  return product->str();
}

[[nodiscard]] Parsed<Uuid> parse_uuid(std::string_view text);
[[nodiscard]] Parsed<Date> parse_date(std::string_view text);

// A date-time of RFC 3339, as Timestamp::parse_rfc3339 reads it.
[[nodiscard]] Parsed<Timestamp> parse_moment(std::string_view text);
// "true" or "false".
[[nodiscard]] Parsed<bool> parse_flag(std::string_view text);

// The one text of an IPv4 or IPv6 address, as both stores give it back; nothing for any other text,
// such as one with a mask or a zone. Source: inet_pton(3), RFC 5952.
[[nodiscard]] std::optional<std::string> canonical_ip_address(const std::string& text);

// ^[a-z0-9][a-z0-9._:-]{0,63}$
[[nodiscard]] Parsed<std::string> parse_plan(std::string_view text);

// What a key may be used for: ^[a-z0-9][a-z0-9._:*-]{0,127}$.
[[nodiscard]] Parsed<std::string> parse_scope(std::string_view text);

// 1 to 255 characters, not blank, no white space at either end: the name of a tenant or a key.
[[nodiscard]] Parsed<std::string> parse_name(std::string_view text);

// 1 to 255 characters: the general text member, and ids of other systems.
[[nodiscard]] Parsed<std::string> parse_text(std::string_view text);

// 1 to 4,096 characters: notes, reasons, descriptions.
[[nodiscard]] Parsed<std::string> parse_long_text(std::string_view text);

}  // namespace registry
