#pragma once

#include <cstdint>
#include <string_view>

namespace registry::auth {

enum class CredentialKind : std::uint8_t {
  kNone,
  kToken,      // a JWT, by its place: whether it is one is for whoever verifies it
  kApiKey,     // the same for a key of ours
  kUnreadable  // something that is neither
};

// What an Authorization header holds; `text` is a part of it, which nobody has looked at yet.
struct Credentials {
  CredentialKind kind = CredentialKind::kNone;
  std::string_view text = {};
};

// `Bearer` with a token or a key (which begins with `bp_`), or a key as Retraced's clients send
// one: `token=K`, `Token token=K`. The scheme is read without regard to case. Source: RFC 9110,
// section 11.4; RFC 6750, section 2.1.
[[nodiscard]] Credentials read_credentials(std::string_view authorization);

}  // namespace registry::auth
