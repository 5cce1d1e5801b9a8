#include "common/crypto/signature_key.h"

#include <string>
#include <utility>

#include "common/crypto/base64.h"
#include "tests/support/catch.h"
#include "tests/support/token_maker.h"

namespace registry::crypto {
namespace {

using registry::test::SigningKey;

std::string octets_of(const SigningKey& key, const char* name) {
  return decode_base64url(key.jwk().at(name).get<std::string>()).value();
}

std::optional<SignatureKey> public_rsa(const SigningKey& key) {
  return SignatureKey::rsa(octets_of(key, "n"), octets_of(key, "e"));
}

TEST_CASE("SignatureKey: a signature verifies with its key, message and algorithm alone") {
  const SigningKey pair = SigningKey::p256("x");
  const auto key = SignatureKey::p256(octets_of(pair, "x"), octets_of(pair, "y"));
  REQUIRE(key);
  CHECK(key->fits(SignatureAlgorithm::kEs256));
  CHECK_FALSE(key->fits(SignatureAlgorithm::kRs256));
  const std::string signature = pair.sign("ES256", "message");
  CHECK(key->verify(SignatureAlgorithm::kEs256, "message", signature));
  CHECK_FALSE(key->verify(SignatureAlgorithm::kEs256, "massage", signature));
  CHECK_FALSE(key->verify(SignatureAlgorithm::kRs256, "message", signature));
  CHECK_FALSE(key->verify(SignatureAlgorithm::kEdDsa, "message", signature));
  const SigningKey other = SigningKey::p256("x");
  CHECK_FALSE(SignatureKey::p256(octets_of(other, "x"), octets_of(other, "y"))
                  ->verify(SignatureAlgorithm::kEs256, "message", signature));
}

TEST_CASE("SignatureKey: a modulus has 2,048 to 8,192 bits, an exponent is odd and above 1") {
  CHECK(public_rsa(SigningKey::rsa("x", 2'048)));
  CHECK_FALSE(public_rsa(SigningKey::rsa("x", 1'024)));
  CHECK_FALSE(public_rsa(SigningKey::rsa("x", 2'040)));
  const std::string modulus = octets_of(SigningKey::rsa("x"), "n");
  const std::string zero(1, '\0');
  for (const std::string& exponent : {std::string(), zero, std::string("\x01"), std::string("\x02"),
                                      std::string("\x01") + zero, std::string(5, '\x01')}) {
    CHECK_FALSE(SignatureKey::rsa(modulus, exponent));
  }
  CHECK(SignatureKey::rsa(modulus, "\x03"));
  CHECK_FALSE(SignatureKey::rsa("", "\x03"));
  CHECK_FALSE(SignatureKey::rsa(std::string(1'025, '\x7F'), "\x03"));
  CHECK_FALSE(SignatureKey::rsa(std::string(256, '\xFE'), "\x03"));  // even
}

TEST_CASE("SignatureKey: a point that is not on the curve makes no key") {
  const SigningKey pair = SigningKey::p256("x");
  const std::string x = octets_of(pair, "x");
  std::string y = octets_of(pair, "y");
  CHECK_FALSE(SignatureKey::p256(y, x));
  CHECK_FALSE(SignatureKey::p256(x, y.substr(1)));
  CHECK_FALSE(SignatureKey::p256(x + y, ""));
  CHECK_FALSE(SignatureKey::p256(std::string(32, '\0'), std::string(32, '\0')));
  y.back() = static_cast<char>(y.back() ^ 1);
  CHECK_FALSE(SignatureKey::p256(x, y));
}

TEST_CASE("SignatureKey: a signature of RSA is as long as the modulus, leading zeros included") {
  const SigningKey pair = SigningKey::rsa("x");
  const auto key = public_rsa(pair);
  REQUIRE(key);
  for (const auto& [name, algorithm] : {std::pair{"RS256", SignatureAlgorithm::kRs256},
                                        std::pair{"PS256", SignatureAlgorithm::kPs256}}) {
    CAPTURE(name);
    // One in 256 begins with a zero.
    std::string message = "message";
    std::string signature = pair.sign(name, message);
    while (signature.front() != '\0') {
      message += "x";
      signature = pair.sign(name, message);
    }
    CHECK(key->verify(algorithm, message, signature));
    CHECK_FALSE(key->verify(algorithm, message, signature.substr(1)));
    CHECK_FALSE(key->verify(algorithm, message, std::string(1, '\0') + signature));
  }
}

TEST_CASE("SignatureKey: a point of Ed25519 that anybody can sign under is no key") {
  for (const std::string& point : {std::string(32, '\0'), "\x01" + std::string(31, '\0'),
                                   "\xEC" + std::string(30, '\xFF') + "\x7F"}) {
    CHECK_FALSE(SignatureKey::ed25519(point));
  }
}

TEST_CASE("SignatureKey: a key of Ed25519 has 32 bytes") {
  const std::string key = octets_of(SigningKey::ed25519("x"), "x");
  CHECK(SignatureKey::ed25519(key));
  CHECK_FALSE(SignatureKey::ed25519(key.substr(1)));
  CHECK_FALSE(SignatureKey::ed25519(key + "x"));
  CHECK_FALSE(SignatureKey::ed25519(""));
}

TEST_CASE("decode_base64url: takes the one way of writing bytes, and no other") {
  CHECK(decode_base64url("") == "");
  CHECK(decode_base64url("Zg") == "f");
  CHECK(decode_base64url("Zm8") == "fo");
  CHECK(decode_base64url("Zm9v") == "foo");
  CHECK(decode_base64url("-_8") == "\xFB\xFF");
  for (const char* text : {"Zg==", "Zh", "Zm9", "Z", "Zm9vZ", "+/8", "Zm 9v", "Zm9v\n",
                           "Zm9v=", "Zm8=", "\xC3\xA4", "Zm9\xF6", "\xFF\xFF\xFF\xFF", "Zm.v"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64url(text));
  }
}

}  // namespace
}  // namespace registry::crypto
