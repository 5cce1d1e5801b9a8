#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace registry::crypto {

// What base64url without padding stands for; nothing for any text that is not the one way of
// writing it. Source: RFC 4648, section 5.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace registry::crypto
