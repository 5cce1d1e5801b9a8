#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/crypto/signature_key.h"

namespace registry::auth {

// The public keys that an issuer signs its tokens with.
class KeySet {
 public:
  static constexpr std::size_t kTextLimitBytes = std::size_t{1} << 20U;
  static constexpr std::size_t kKeyLimit = 64;

  // Reads a JWK set (RFC 7517) that has the issuer besides, as jwks_sync writes it. Keys that are
  // not for our algorithms, for encryption, or private are left out, and so are all of those that
  // share a `kid` and a type of key. Fails with what is wrong, as a sentence without a subject: no
  // JSON, no issuer, another member of a wrong type, too large, or no key that is left.
  [[nodiscard]] static tl::expected<KeySet, std::string> parse(std::string_view text);

  [[nodiscard]] const std::string& issuer() const { return issuer_; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

  // The key that signs with this algorithm under this `kid`; without one, the only key that signs
  // with it at all. A key that names its algorithm signs with no other. Valid as long as the set.
  [[nodiscard]] const crypto::SignatureKey* find(const std::optional<std::string>& kid,
                                                 crypto::SignatureAlgorithm algorithm) const;

 private:
  struct Key {
    std::optional<std::string> kid;
    std::optional<crypto::SignatureAlgorithm> algorithm;
    crypto::SignatureKey key;
  };
  friend class KeySetReader;

  std::string issuer_;
  std::vector<Key> keys_;
};

// RS256, PS256, ES256, EdDSA; nothing for any other text. Source: RFC 7518, section 3.1.
[[nodiscard]] std::optional<crypto::SignatureAlgorithm> parse_algorithm(std::string_view text);

}  // namespace registry::auth
