#include "common/crypto/api_key.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/golden_vectors.h"

namespace registry::crypto {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view kKey = "bp_1Q8ESdqsDegbJDvZhwONOw";
const std::string kSalt = "5KnQ+4JXxY22M928Vgmrrw";
const std::string kArgon2Hash = "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI";
// Of kKey.
const std::string kHash = "argon2id|" + kSalt + "|" + kArgon2Hash;

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string every_byte() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

ApiKeySecret key_of(std::string_view text) {
  return ApiKeySecret::parse(text).value();
}

TEST_CASE("verify_api_key: answers as the Go service does for every golden vector") {
  for (const auto& vector : test::golden_vectors("argon2-vectors.json")) {
    CAPTURE(vector.at("name"));
    const auto key = ApiKeySecret::parse(vector.at("key").get<std::string>());
    REQUIRE(key.has_value());
    CHECK(key->text() == vector.at("key").get<std::string>());
    CHECK(key->prefix() == vector.at("prefix").get<std::string>());
    const KeyMatch expected =
        vector.at("valid").get<bool>() ? KeyMatch::kMatch : KeyMatch::kNoMatch;
    CHECK(verify_api_key(*key, vector.at("hash").get<std::string>()) == expected);
  }
}

TEST_CASE("verify_api_key: a padded part and one of the other alphabet may stand together") {
  constexpr std::string_view kMixedParts =
      "argon2id|5KnQ-4JXxY22M928Vgmrrw==|iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI";
  CHECK(verify_api_key(key_of(kKey), kMixedParts) == KeyMatch::kMatch);
}

TEST_CASE("verify_api_key: a salt may have 8 to 64 bytes") {
  const auto salt = GENERATE(as<std::string>(), std::string(11, 'A'), std::string(86, 'A'));
  CAPTURE(salt);
  CHECK(verify_api_key(key_of(kKey), "argon2id|" + salt + "|" + kArgon2Hash) == KeyMatch::kNoMatch);
}

constexpr std::size_t kHugeBytes = 8'000'000;

// In the place of kSalt; the next ones in that of kArgon2Hash and of the tag.
std::vector<std::string> malformed_salts() {
  return {
      "",
      "5KnQ.4JXxY22M928Vgmrrw",        // a character of no alphabet
      " 5KnQ+4JXxY22M928Vgmrrw",       //
      "5KnQ+4JX\nxY22M928Vgmrrw",      //
      "5KnQ+4JXxY22M928Vgmrrw ",       //
      "5KnQ+4JXxY22M928Vgmr\xC3\xA4",  //
      "5KnQ+4JX\0Y22M928Vgmrrw"s,      //
      "5KnQ+4JXxY22M928Vgmrrw\0"s,     //
      "5KnQ+4JXxY22M-28Vgmrrw",        // both alphabets
      "5KnQ/4JXxY22M_28Vgmrrw",        //
      "5KnQ+4JXxY22M928Vgmrrw=",       // padding: one short
      "5KnQ+4JXxY22M928Vgmrrw===",     // one too many
      "5KnQ+4JXxY==22M928Vgmrrw",      // not at the end
      "AAAAAAAAAAAA=",                 // where none belongs
      "==",                            // of nothing
      "5KnQ+4JXxY22M928Vgmrrx",        // bits that belong to no byte
      "5KnQ+4JXxY22M928Vgmrrx==",      //
      "AAAAAAAAAAB",                   //
      "AAAAAAAAAAAAA",                 // a last character that makes no byte
      "AAAAAAAAAA",                    // 7 bytes
      "AAAAAAAAAA==",                  //
      std::string(87, 'A'),            // 65 bytes
      std::string(kHugeBytes, 'A'),
  };
}

std::vector<std::string> malformed_argon2_hashes() {
  return {
      "",
      std::string(42, 'A'),         // 31 bytes
      std::string(42, 'A') + "==",  //
      std::string(44, 'A'),         // 33 bytes
      std::string(43, '\0'),
      std::string(kHugeBytes, 'A'),
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kJ",    // bits that belong to no byte
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI==",  // too much padding
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO-XTT7pdn0kI",    // both alphabets
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI|",   // a fourth part
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI|AAAA",
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI\0"s,
      "iwJbYvymcaOpoyfIC+CTyTMlEKY13NhO8XTT7pdn0kI\n",
  };
}

std::vector<std::string> malformed_tags() {
  return {"",
          "|",
          "argon2i|",
          "argon2d|",
          "ARGON2ID|",
          "argon2id2|",
          "argon2id",
          " argon2id|",
          "scrypt|",
          "argon2id\0|"s,
          "argon2id||",
          "argon2id$",
          "$argon2id$v=19$m=65536,t=1,p=4$"};
}

TEST_CASE("verify_api_key: what is no hash of ours is an unknown format") {
  std::vector<std::string> texts = {"|||", std::string(kHugeBytes, '|')};
  for (const std::string& tag : malformed_tags()) texts.push_back(tag + kSalt + "|" + kArgon2Hash);
  for (const std::string& salt : malformed_salts()) {
    texts.push_back("argon2id|" + salt + "|" + kArgon2Hash);
  }
  for (const std::string& hash : malformed_argon2_hashes()) {
    texts.push_back("argon2id|" + kSalt + "|" + hash);
  }
  const ApiKeySecret key = key_of(kKey);
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 100), text.size());
    CHECK(verify_api_key(key, text) == KeyMatch::kUnknownFormat);
  }
}

TEST_CASE("verify_api_key: a byte of neither alphabet makes an unknown format") {
  const ApiKeySecret key = key_of(kKey);
  for (const char c : every_byte()) {
    if (c == '+' || c == '/' || kBase64Url.find(c) != std::string_view::npos) continue;
    for (const std::size_t at : {9U, 15U, 35U, 73U}) {
      std::string text = kHash;
      text[at] = c;
      CAPTURE(at, static_cast<int>(c));
      CHECK(verify_api_key(key, text) == KeyMatch::kUnknownFormat);
    }
  }
}

TEST_CASE("verify_api_key: every broken-off hash is an unknown format") {
  const ApiKeySecret key = key_of(kKey);
  for (std::size_t size = 0; size < kHash.size(); ++size) {
    CAPTURE(size);
    CHECK(verify_api_key(key, kHash.substr(0, size)) == KeyMatch::kUnknownFormat);
  }
}

TEST_CASE("hash_api_key: has the stored form, and verifies its own key only") {
  const ApiKeySecret key = ApiKeySecret::generate();
  const std::string hash = hash_api_key(key);
  CAPTURE(hash);
  CHECK(hash.size() == kHash.size());
  CHECK(hash.starts_with("argon2id|"));
  CHECK(hash.find('|', 9) == kHash.find('|', 9));
  CHECK(hash.find_first_of("=-_") == std::string::npos);
  CHECK(hash.find(key.text().substr(3)) == std::string::npos);
  CHECK(verify_api_key(key, hash) == KeyMatch::kMatch);
  CHECK(verify_api_key(ApiKeySecret::generate(), hash) == KeyMatch::kNoMatch);
}

TEST_CASE("hash_api_key: the same key has another salt and hash each time") {
  const std::string first = hash_api_key(key_of(kKey));
  const std::string second = hash_api_key(key_of(kKey));
  CHECK(first.substr(9, 22) != second.substr(9, 22));
  CHECK(first.substr(32) != second.substr(32));
}

TEST_CASE("ApiKeySecret: 1,000 generated keys differ and have the form that is parsed") {
  std::set<std::string> texts;
  for (int i = 0; i < 1000; ++i) {
    const ApiKeySecret key = ApiKeySecret::generate();
    const std::string text(key.text());
    CAPTURE(text);
    REQUIRE(text.size() == 25);
    CHECK(text.starts_with("bp_"));
    CHECK(text.find_first_not_of(kBase64Url, 3) == std::string::npos);
    CHECK(key.prefix() == text.substr(0, 11));
    CHECK(key_of(text).text() == text);
    texts.insert(text);
  }
  CHECK(texts.size() == 1000);
}

TEST_CASE("ApiKeySecret: characters of base64url, and no other byte, may stand anywhere but last") {
  for (std::size_t at = 3; at < kKey.size() - 1; ++at) {
    for (const char c : every_byte()) {
      std::string text(kKey);
      text[at] = c;
      CAPTURE(at, static_cast<int>(c));
      CHECK(ApiKeySecret::parse(text).has_value() ==
            (kBase64Url.find(c) != std::string_view::npos));
    }
  }
}

TEST_CASE("ApiKeySecret: the last character has but two bits") {
  for (const char c : every_byte()) {
    std::string text(kKey);
    text.back() = c;
    CAPTURE(static_cast<int>(c));
    CHECK(ApiKeySecret::parse(text).has_value() == ("AQgw"sv.find(c) != std::string_view::npos));
  }
}

TEST_CASE("ApiKeySecret: another text is no key") {
  const auto text = GENERATE(as<std::string_view>(), ""sv, "bp_"sv, "1Q8ESdqsDegbJDvZhwONOw"sv,
                             "bp_1Q8ESdqsDegbJDvZhwONO"sv,         // a character short
                             "bp_1Q8ESdqsDegbJDvZhwONOwA"sv,       // one too many
                             "bp_1Q8ESdqsDegbJDvZhwONOw=="sv,      // padded
                             "bp_1Q8ESdqsDegbJDvZhwON=="sv,        // padded, of the right length
                             "BP_1Q8ESdqsDegbJDvZhwONOw"sv,        // another tag
                             "bp-1Q8ESdqsDegbJDvZhwONOw"sv,        //
                             "sk_1Q8ESdqsDegbJDvZhwONOw"sv,        //
                             "bp_1Q8ESdqsDe+bJDvZhwONOw"sv,        // the other alphabet
                             "bp_1Q8ESdqsDe/bJDvZhwONOw"sv,        //
                             "bp_1Q8ESdqsDe bJDvZhwONOw"sv,        // no alphabet
                             "bp_1Q8ESdqsDe\0bJDvZhwONOw"sv,       //
                             "bp_1Q8ESdqsDe\nbJDvZhwONOw"sv,       //
                             "bp_1Q8ESdqsDe\xC3\xA4JDvZhwONOw"sv,  //
                             " bp_1Q8ESdqsDegbJDvZhwONOw"sv, "bp_1Q8ESdqsDegbJDvZhwONOw\n"sv,
                             "bp_1Q8ESdqsDegbJDvZhwONOw\0"sv, "\0p_1Q8ESdqsDegbJDvZhwONOw"sv);
  CAPTURE(text);
  CHECK_FALSE(ApiKeySecret::parse(text).has_value());
}

TEST_CASE("ApiKeySecret: a huge text is no key") {
  CHECK_FALSE(ApiKeySecret::parse("bp_" + std::string(kHugeBytes, 'A')).has_value());
}

TEST_CASE("ApiKeySecret: a copy has the same text") {
  const ApiKeySecret key = key_of(kKey);
  ApiKeySecret copy = ApiKeySecret::generate();
  CHECK(copy.text() != key.text());
  copy = key;
  CHECK(copy.text() == kKey);
}

TEST_CASE("ApiKeySecret: nothing is left in memory of a key that is gone") {
  alignas(ApiKeySecret) std::array<unsigned char, sizeof(ApiKeySecret)> memory{};
  memory.fill(0xFF);
  auto* key = new (memory.data()) ApiKeySecret(key_of(kKey));
  REQUIRE(key->text() == kKey);
  std::destroy_at(key);
  CHECK(std::all_of(memory.begin(), memory.end(), [](unsigned char byte) { return byte == 0; }));
}

}  // namespace
}  // namespace registry::crypto
