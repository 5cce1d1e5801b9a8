#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// OpenSSL's types stay behind this.
struct evp_pkey_st;

namespace registry::crypto {

// Of RFC 7518 and RFC 8037; kEdDsa with Ed25519.
enum class SignatureAlgorithm : std::uint8_t { kRs256, kPs256, kEs256, kEdDsa };

// A public key that signatures are verified with. Immutable; copies share it, and any number of
// threads may use it. Numbers come as big-endian bytes.
class SignatureKey {
 public:
  enum class Type : std::uint8_t { kRsa, kP256, kEd25519 };

  // Nothing where the numbers make no key: a modulus of fewer than 2,048 or more than 8,192 bits,
  // an even exponent or one outside of 3 to 2^32 - 1.
  [[nodiscard]] static std::optional<SignatureKey> rsa(std::string_view modulus,
                                                       std::string_view exponent);
  // Nothing where a coordinate has not 32 bytes, or the point is not on the curve.
  [[nodiscard]] static std::optional<SignatureKey> p256(std::string_view x, std::string_view y);
  // Nothing where the key has not 32 bytes, or is a point that anybody can sign under.
  [[nodiscard]] static std::optional<SignatureKey> ed25519(std::string_view key);

  [[nodiscard]] Type type() const { return type_; }
  // Whether keys of this type make signatures of this algorithm.
  [[nodiscard]] bool fits(SignatureAlgorithm algorithm) const;

  // Whether `signature` is one of the message with this key. False as well for an algorithm that
  // does not fit, and for a signature of another form than the algorithm's.
  // Source: RFC 7518, sections 3.3 to 3.5; RFC 8037, section 3.1.
  [[nodiscard]] bool verify(SignatureAlgorithm algorithm, std::string_view message,
                            std::string_view signature) const;

 private:
  SignatureKey(Type type, std::shared_ptr<evp_pkey_st> key) : type_(type), key_(std::move(key)) {}

  Type type_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace registry::crypto
