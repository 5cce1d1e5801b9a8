#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace registry {

// True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

// The number of code points of a valid UTF-8 text; lengths in the API are counted this way.
[[nodiscard]] std::size_t code_point_count(std::string_view text);

// A copy that is valid UTF-8 without control characters and at most `limit_bytes` long: each bad
// byte becomes '?'. For text that nobody validates, such as a User-Agent header.
[[nodiscard]] std::string sanitized_text(std::string_view text, std::size_t limit_bytes);

// True for a code point that Unicode lists as White_Space.
[[nodiscard]] bool is_white_space(char32_t code_point);

// The first and the last code point of a valid UTF-8 text; nothing for an empty one.
[[nodiscard]] std::optional<char32_t> first_code_point(std::string_view text);
[[nodiscard]] std::optional<char32_t> last_code_point(std::string_view text);

}  // namespace registry
