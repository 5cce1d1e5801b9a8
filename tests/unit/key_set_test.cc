#include "common/auth/key_set.h"

#include "tests/support/catch.h"
#include "tests/unit/token_fixture.h"

namespace registry::auth {
namespace {

using crypto::SignatureAlgorithm;
using nlohmann::json;
using registry::test::SigningKey;

json changed(json key, const char* name, const json& value) {
  key[name] = value;
  return key;
}

TEST_CASE("KeySet: takes the keys that verify signatures, and says whose they are") {
  const auto set = KeySet::parse(test::key_file_text(test::all_keys()));
  REQUIRE(set);
  CHECK(set->issuer() == test::kIssuer);
  CHECK(set->size() == 3);
  CHECK(set->find("rsa", SignatureAlgorithm::kRs256));
  CHECK(set->find("rsa", SignatureAlgorithm::kPs256));
  CHECK(set->find("p256", SignatureAlgorithm::kEs256));
  CHECK(set->find("ed25519", SignatureAlgorithm::kEdDsa));
  CHECK_FALSE(set->find("rsa", SignatureAlgorithm::kEs256));
  CHECK_FALSE(set->find("other", SignatureAlgorithm::kEs256));
  CHECK(set->find(std::nullopt, SignatureAlgorithm::kEs256));
}

TEST_CASE("KeySet: leaves out keys that are not for signatures of ours, and takes the rest") {
  const json rsa = test::rsa_key().jwk();
  const json ec = test::p256_key().jwk();
  for (const json& bad : {changed(rsa, "use", "enc"),
                          changed(rsa, "use", 1),
                          changed(rsa, "key_ops", {"encrypt"}),
                          changed(rsa, "key_ops", "verify"),
                          changed(rsa, "alg", "RSA-OAEP"),
                          changed(rsa, "alg", "ES256"),
                          changed(rsa, "alg", "RS512"),
                          changed(rsa, "alg", 256),
                          changed(rsa, "d", "AQAB"),
                          changed(rsa, "kid", 7),
                          changed(rsa, "e", "AQAB="),
                          changed(rsa, "n", "AQAB"),
                          changed(ec, "crv", "P-384"),
                          changed(ec, "kty", "oct"),
                          changed(ec, "y", ec.at("x")),
                          changed(ec, "kty", "OKP"),
                          json::array(),
                          json("key"),
                          SigningKey::rsa("small", 1'024).jwk(),
                          changed(test::ed25519_key().jwk(), "x", std::string(43, 'A')),
                          json{{"kty", "oct"}, {"k", "AAAA"}}}) {
    CAPTURE(bad.dump());
    const auto set =
        KeySet::parse(test::key_file_text(json::array({bad, test::ed25519_key().jwk()})));
    REQUIRE(set);
    CHECK(set->size() == 1);
    CHECK_FALSE(KeySet::parse(test::key_file_text(json::array({bad}))));
  }
}

TEST_CASE("KeySet: a key may say that it verifies, and with what") {
  const json key = changed(changed(test::rsa_key().jwk(), "key_ops", {"verify"}), "alg", "PS256");
  const auto set = KeySet::parse(test::key_file_text(json::array({key})));
  REQUIRE(set);
  CHECK(set->find("rsa", SignatureAlgorithm::kPs256));
  CHECK_FALSE(set->find("rsa", SignatureAlgorithm::kRs256));
  CHECK_FALSE(set->find(std::nullopt, SignatureAlgorithm::kRs256));
}

TEST_CASE("KeySet: of keys of one name and type none is taken, of two types both are") {
  const json twins = json::array({SigningKey::p256("same").jwk(), SigningKey::p256("same").jwk(),
                                  SigningKey::ed25519("same").jwk()});
  const auto set = KeySet::parse(test::key_file_text(twins));
  REQUIRE(set);
  CHECK(set->size() == 1);
  CHECK_FALSE(set->find("same", SignatureAlgorithm::kEs256));
  CHECK(set->find("same", SignatureAlgorithm::kEdDsa));
}

TEST_CASE("KeySet: what is no set of keys is refused") {
  json many = json::array();
  for (int i = 0; i < 65; ++i) many.push_back(test::p256_key().jwk());
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string("null"),
        std::string(R"({"issuer":"x"})"), std::string(R"({"issuer":"x","keys":{}})"),
        std::string(R"({"issuer":"x","keys":[]})"), std::string(R"({"issuer":5,"keys":[]})"),
        json{{"keys", test::all_keys()}}.dump(), test::key_file_text(many),
        test::key_file_text(test::all_keys()) + "x",
        test::key_file_text(test::all_keys()) + std::string(std::size_t{1} << 20U, ' ')}) {
    CAPTURE(text.substr(0, 80));
    const auto set = KeySet::parse(text);
    REQUIRE_FALSE(set);
    CHECK_FALSE(set.error().empty());
  }
}

}  // namespace
}  // namespace registry::auth
