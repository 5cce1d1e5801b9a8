#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/auth/key_set.h"

namespace registry::auth {

// Why a token is not taken for one of the issuer's.
enum class JwsFault : std::uint8_t {
  kMalformed,             // no three parts of strict base64url, no JSON object as header, too large
  kUnsupportedAlgorithm,  // none of ours, `none` and HS* above all
  kForbiddenHeader,       // one that would name keys, ask for more understanding, or another format
  kUnknownKey,            // no key of the set signs with this algorithm under this name
  kBadSignature,
};

inline constexpr std::size_t kTokenLimitBytes = 8'192;  // what a header line of nginx has room for
inline constexpr std::size_t kTokenHeaderLimitBytes = 1'024;

// The payload of a signed token in the compact form, once its signature has been verified with a
// key of the set. The algorithm is the key's to decide, keys come from nowhere but the set.
// Source: RFC 7515, section 5.2; RFC 8725.
[[nodiscard]] tl::expected<std::string, JwsFault> verify_jws(std::string_view token,
                                                             const KeySet& keys);

}  // namespace registry::auth
