#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/auth/key_set.h"
#include "tests/support/token_maker.h"

namespace registry::auth::test {

using nlohmann::json;
using registry::test::SigningKey;

inline constexpr const char* kIssuer = "https://id.example/realms/x";
inline constexpr const char* kAudience = "tenant-registry";
inline constexpr std::int64_t kNowS = 1'800'000'000;

// Made once: a key of RSA takes its time.
inline const SigningKey& rsa_key() {
  static const SigningKey kKey = SigningKey::rsa("rsa");
  return kKey;
}
inline const SigningKey& p256_key() {
  static const SigningKey kKey = SigningKey::p256("p256");
  return kKey;
}
inline const SigningKey& ed25519_key() {
  static const SigningKey kKey = SigningKey::ed25519("ed25519");
  return kKey;
}

// The text of a file of keys.
inline std::string key_file_text(const json& keys, const std::string& issuer = kIssuer) {
  return json{{"issuer", issuer}, {"fetched_at", "2026-01-01T00:00:00Z"}, {"keys", keys}}.dump();
}

inline json all_keys() {
  return json::array({rsa_key().jwk(), p256_key().jwk(), ed25519_key().jwk()});
}

// Claims that are valid at kNowS, with `more` in their place or besides.
inline json valid_claims(const json& more = json::object()) {
  json claims = {{"iss", kIssuer},
                 {"aud", kAudience},
                 {"sub", "somebody"},
                 {"iat", kNowS},
                 {"exp", kNowS + 300}};
  claims.update(more);
  return claims;
}

}  // namespace registry::auth::test
