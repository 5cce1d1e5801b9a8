#pragma once

#include <string>
#include <string_view>

namespace registry::crypto {

// 32 hexadecimal digits that differ for different texts (BLAKE2b, 128 bits). No secret is involved.
[[nodiscard]] std::string fingerprint(std::string_view text);

// The SHA-256 of the text in 64 hexadecimal digits, lower case.
[[nodiscard]] std::string sha256_hex(std::string_view text);

// 32 hexadecimal digits from the system's random source.
[[nodiscard]] std::string random_hex_id();

}  // namespace registry::crypto
