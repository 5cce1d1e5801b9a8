#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

struct evp_pkey_st;

namespace registry::test {

// Keys and tokens for tests, good and bad, made by OpenSSL and nothing of ours: what verifies them
// must not verify itself.

[[nodiscard]] std::string base64url(std::string_view bytes);

// A token of the given parts, whatever they are; each is encoded.
[[nodiscard]] std::string compact(std::string_view header, std::string_view payload,
                                  std::string_view signature);

// HMAC with SHA-256, for tokens that are signed with what everybody knows.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view message);

// A pair of keys of an issuer.
class SigningKey {
 public:
  // RS256 and PS256 take the same kind of key.
  static SigningKey rsa(std::string kid, int bits = 2'048);
  static SigningKey p256(std::string kid);
  static SigningKey ed25519(std::string kid);

  [[nodiscard]] const std::string& kid() const { return kid_; }
  // Of the public half: kty, kid, use, and what makes the key; without alg.
  [[nodiscard]] nlohmann::json jwk() const;
  // The public half as PEM.
  [[nodiscard]] std::string public_pem() const;

  // A signature as JOSE has it: of ES256 the two numbers side by side. `algorithm` is RS256, PS256,
  // ES256 or EdDSA and must be one of the key's.
  [[nodiscard]] std::string sign(const std::string& algorithm, std::string_view message) const;
  // A token signed with the algorithm that its header names; the header gets the key's `kid`, if it
  // has no other.
  [[nodiscard]] std::string token(nlohmann::json header, const nlohmann::json& claims) const;
  // The same with bytes as payload.
  [[nodiscard]] std::string token_of(nlohmann::json header, std::string_view payload) const;

 private:
  SigningKey(std::string kid, evp_pkey_st* key);

  std::string kid_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace registry::test
