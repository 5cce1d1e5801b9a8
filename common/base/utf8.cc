#include "common/base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace registry {
namespace {

struct Decoded {
  char32_t code_point = 0;
  std::size_t length = 0;  // 0: not well-formed
};

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// Decodes the sequence at the start of a text that is not empty.
// Source: table 3-7 of The Unicode Standard, "Well-Formed UTF-8 Byte Sequences".
Decoded decode(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {.code_point = lead, .length = 1};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return {};
  const std::uint8_t second = byte_at(text, 1);
  const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return {};
  char32_t code_point = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint8_t continuation = byte_at(text, i);
    if ((continuation & 0xC0U) != 0x80U) return {};
    code_point = (code_point << 6U) | (continuation & 0x3FU);
  }
  return {.code_point = code_point, .length = length};
}

bool is_continuation(char c) {
  return (static_cast<std::uint8_t>(c) & 0xC0U) == 0x80U;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    if (decoded.length == 0) return false;
    text.remove_prefix(decoded.length);
  }
  return true;
}

std::size_t code_point_count(std::string_view text) {
  const auto continuations = std::count_if(text.begin(), text.end(), is_continuation);
  return text.size() - static_cast<std::size_t>(continuations);
}

std::string sanitized_text(std::string_view text, std::size_t limit_bytes) {
  std::string clean;
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    const bool usable = decoded.length != 0 && decoded.code_point >= 0x20 &&
                        !(decoded.code_point >= 0x7F && decoded.code_point < 0xA0);
    const std::size_t length = decoded.length == 0 ? 1 : decoded.length;
    if (clean.size() + (usable ? length : 1) > limit_bytes) break;
    if (usable) {
      clean.append(text.substr(0, length));
    } else {
      clean.push_back('?');
    }
    text.remove_prefix(length);
  }
  return clean;
}

bool is_white_space(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
         code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

std::optional<char32_t> first_code_point(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return decode(text).code_point;
}

std::optional<char32_t> last_code_point(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::size_t start = text.size() - 1;
  while (start > 0 && is_continuation(text[start])) --start;
  return decode(text.substr(start)).code_point;
}

}  // namespace registry
