#include "common/auth/jws.h"

#include <random>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/golden_vectors.h"
#include "tests/unit/token_fixture.h"

namespace registry::auth {
namespace {

using nlohmann::json;
using registry::test::base64url;
using registry::test::compact;
using registry::test::SigningKey;

KeySet set_of(const json& keys) {
  auto set = KeySet::parse(test::key_file_text(keys));
  CAPTURE(keys.dump());
  if (!set) FAIL(set.error());
  return std::move(*set);
}

const KeySet& every_key() {
  static const KeySet kKeys = set_of(test::all_keys());
  return kKeys;
}

const std::string& payload() {
  static const std::string kPayload = test::valid_claims().dump();
  return kPayload;
}

std::string es256_token() {
  return test::p256_key().token_of({{"alg", "ES256"}}, payload());
}

void check_fault(const std::string& token, JwsFault fault, const KeySet& keys = every_key()) {
  CAPTURE(token);
  const auto verified = verify_jws(token, keys);
  REQUIRE_FALSE(verified);
  CHECK(static_cast<int>(verified.error()) == static_cast<int>(fault));
}

TEST_CASE("verify_jws: the published vectors verify, or are refused for their algorithm") {
  for (const json& vector : registry::test::golden_vectors("jose-vectors.json")) {
    CAPTURE(vector.at("source").get<std::string>());
    const auto verified =
        verify_jws(vector.at("token").get<std::string>(), set_of(json::array({vector.at("key")})));
    if (vector.contains("refused")) {
      REQUIRE_FALSE(verified);
      CHECK(static_cast<int>(verified.error()) ==
            static_cast<int>(JwsFault::kUnsupportedAlgorithm));
    } else {
      REQUIRE(verified);
      CHECK(*verified == vector.at("payload").get<std::string>());
    }
  }
}

TEST_CASE("verify_jws: each of the four algorithms verifies") {
  for (const auto& [key, algorithm] :
       {std::pair{test::rsa_key(), "RS256"}, std::pair{test::rsa_key(), "PS256"},
        std::pair{test::p256_key(), "ES256"}, std::pair{test::ed25519_key(), "EdDSA"}}) {
    CAPTURE(algorithm);
    const auto verified = verify_jws(key.token_of({{"alg", algorithm}}, payload()), every_key());
    REQUIRE(verified);
    CHECK(*verified == payload());
  }
}

TEST_CASE("verify_jws: no algorithm but the four is taken, however it is spelled") {
  for (const char* name : {"none",  "None",   "NONE",  "nOnE",   "",      "HS256",  "HS384",
                           "HS512", "RS1",    "RS384", "RS512",  "PS384", "PS512",  "ES384",
                           "ES512", "ES256K", "rs256", "RS256 ", "EDDSA", "Ed25519"}) {
    const std::string header = json{{"alg", name}, {"kid", "rsa"}}.dump();
    check_fault(compact(header, payload(), ""), JwsFault::kUnsupportedAlgorithm);
    check_fault(compact(header, payload(), "signature"), JwsFault::kUnsupportedAlgorithm);
  }
}

TEST_CASE("verify_jws: what is signed with the public key as a secret is refused") {
  const std::string header = R"({"alg":"HS256","kid":"rsa"})";
  const std::string signed_text = base64url(header) + "." + base64url(payload());
  const std::string modulus = test::rsa_key().jwk().at("n");
  for (const std::string& secret :
       {test::rsa_key().public_pem(), modulus, test::rsa_key().jwk().dump()}) {
    check_fault(signed_text + "." + base64url(registry::test::hmac_sha256(secret, signed_text)),
                JwsFault::kUnsupportedAlgorithm);
  }
}

TEST_CASE("verify_jws: the algorithm is the key's, not the token's") {
  json pinned = test::rsa_key().jwk();
  pinned["alg"] = "RS256";
  const KeySet keys = set_of(json::array({pinned, test::p256_key().jwk()}));
  CHECK(verify_jws(test::rsa_key().token_of({{"alg", "RS256"}}, payload()), keys));
  check_fault(test::rsa_key().token_of({{"alg", "PS256"}}, payload()), JwsFault::kUnknownKey, keys);
  check_fault(test::rsa_key().token_of({{"alg", "RS256"}, {"kid", "p256"}}, payload()),
              JwsFault::kUnknownKey, keys);
  // PKCS #1 v1.5 under the name of PSS, and the other way round.
  const std::string as_pss =
      base64url(R"({"alg":"PS256","kid":"rsa"})") + "." + base64url(payload());
  check_fault(as_pss + "." + base64url(test::rsa_key().sign("RS256", as_pss)),
              JwsFault::kBadSignature);
}

TEST_CASE("verify_jws: a token's own keys and extensions are refused") {
  for (const char* name : {"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"}) {
    for (const json& value : {json("https://evil.example"), json::array({"exp"}),
                              test::p256_key().jwk(), json(nullptr), json(false)}) {
      check_fault(test::p256_key().token_of({{"alg", "ES256"}, {name, value}}, payload()),
                  JwsFault::kForbiddenHeader);
    }
  }
}

TEST_CASE("verify_jws: a token that says that it is another one is refused") {
  for (const char* type : {"JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"}) {
    CAPTURE(type);
    CHECK(verify_jws(test::p256_key().token_of({{"alg", "ES256"}, {"typ", type}}, payload()),
                     every_key()));
  }
  for (const char* type : {"logout+jwt", "secevent+jwt", "JOSE", "", "JWT "}) {
    check_fault(test::p256_key().token_of({{"alg", "ES256"}, {"typ", type}}, payload()),
                JwsFault::kForbiddenHeader);
  }
}

TEST_CASE("verify_jws: a flipped bit in any part is refused") {
  const std::string token = es256_token();
  for (std::size_t at = 0; at < token.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string other = token;
      other[at] = static_cast<char>(static_cast<unsigned char>(other[at]) ^ 1U << bit);
      CAPTURE(at, bit);
      CHECK_FALSE(verify_jws(other, every_key()));
    }
  }
}

TEST_CASE("verify_jws: ES256 takes the two numbers of a signature, and no others") {
  const std::string signed_text =
      base64url(R"({"alg":"ES256","kid":"p256"})") + "." + base64url(payload());
  const std::string good = test::p256_key().sign("ES256", signed_text);
  const auto token_with = [&](const std::string& signature) {
    return signed_text + "." + base64url(signature);
  };
  REQUIRE(verify_jws(token_with(good), every_key()));
  const std::string r = good.substr(0, 32);
  const std::string s = good.substr(32);
  const std::string zero(32, '\0');
  // The order of the group, from SEC 2.
  const std::string order = "\xFF\xFF\xFF\xFF" + std::string(4, '\0') + std::string(8, '\xFF') +
                            "\xBC\xE6\xFA\xAD\xA7\x17\x9E\x84\xF3\xB9\xCA\xC2\xFC\x63\x25\x51";
  REQUIRE(order.size() == 32);
  for (const std::string& bad : {zero + zero, zero + s, r + zero, order + s, r + order, s + r,
                                 r + s + zero, r + s.substr(1), zero + r + s, std::string("x")}) {
    check_fault(token_with(bad), JwsFault::kBadSignature);
  }
  check_fault(token_with(""), JwsFault::kBadSignature);
  // As OpenSSL writes it.
  const std::string der = "\x30\x44\x02\x20" + r + "\x02\x20" + s;
  check_fault(token_with(der), JwsFault::kBadSignature);
}

TEST_CASE("verify_jws: a key is found by its name, or by being the only one") {
  const std::string unnamed = base64url(R"({"alg":"ES256"})") + "." + base64url(payload());
  const std::string token = unnamed + "." + base64url(test::p256_key().sign("ES256", unnamed));
  CHECK(verify_jws(token, every_key()));
  const SigningKey second = SigningKey::p256("second");
  check_fault(token, JwsFault::kUnknownKey,
              set_of(json::array({test::p256_key().jwk(), second.jwk()})));
  check_fault(test::p256_key().token_of({{"alg", "ES256"}, {"kid", "unknown"}}, payload()),
              JwsFault::kUnknownKey);
  check_fault(test::p256_key().token_of({{"alg", "ES256"}, {"kid", "second"}}, payload()),
              JwsFault::kBadSignature, set_of(json::array({test::p256_key().jwk(), second.jwk()})));
}

TEST_CASE("verify_jws: what is no compact form of strict base64url is malformed") {
  const std::string token = es256_token();
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  const std::string header = token.substr(0, first);
  const std::string body = token.substr(first + 1, last - first - 1);
  const std::string signature = token.substr(last + 1);
  const std::string bad_tail = signature.substr(0, signature.size() - 1) + "B";  // bits of no byte
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), header, header + "." + body,
        token + ".", token + ".x", "." + token, token + "=", header + "=." + body + "." + signature,
        header + "." + body + "==." + signature, " " + token, token + "\n",
        header + ". " + body + "." + signature, header + "." + body + "." + bad_tail,
        header + ".+/" + body.substr(2) + "." + signature}) {
    check_fault(bad, JwsFault::kMalformed);
  }
}

TEST_CASE("verify_jws: a header that is no bounded object of texts is malformed") {
  const std::string nested = std::string(40, '[') + std::string(40, ']');
  for (const std::string& header :
       {std::string("{}"), std::string("[]"), std::string("null"), std::string("\"ES256\""),
        std::string(R"({"alg":"ES256","alg":"ES256"})"), std::string(R"({"alg":1})"),
        std::string(R"({"alg":"ES256","kid":5})"), std::string(R"({"alg":["ES256"]})"),
        std::string("{\"alg\":\"ES256\",\"x\":\"\xFF\"}"), R"({"alg":"ES256","x":)" + nested + "}",
        std::string(R"({"alg":"ES256"} x)"),
        R"({"alg":"ES256","kid":")" + std::string(256, 'k') + R"("})",
        R"({"alg":"ES256","x":")" + std::string(1'024, 'x') + R"("})"}) {
    check_fault(compact(header, payload(), "x"), JwsFault::kMalformed);
  }
}

TEST_CASE("verify_jws: a token over the limit is malformed, one at the limit not") {
  const auto token_of_size = [](std::size_t size) {
    const std::string signed_text = base64url(R"({"alg":"ES256","kid":"p256"})") + "." +
                                    base64url(std::string((size - 200) / 4 * 3, 'x'));
    std::string token = signed_text + "." + base64url(test::p256_key().sign("ES256", signed_text));
    return token;
  };
  CHECK(verify_jws(token_of_size(kTokenLimitBytes), every_key()));
  check_fault(token_of_size(kTokenLimitBytes + 400), JwsFault::kMalformed);
}

TEST_CASE("verify_jws: no random change of a token verifies") {
  std::mt19937 random(7);
  const std::string token = test::ed25519_key().token_of({{"alg", "EdDSA"}}, payload());
  for (int round = 0; round < 20'000; ++round) {
    std::string other = token;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % other.size();
      switch (random() % 3) {
        case 0:
          other[at] = static_cast<char>(random());
          break;
        case 1:
          other.erase(at, 1 + random() % 8);
          break;
        default:
          other.insert(at, 1, static_cast<char>(random()));
      }
    }
    if (other != token && verify_jws(other, every_key())) FAIL(other);
  }
}

}  // namespace
}  // namespace registry::auth
