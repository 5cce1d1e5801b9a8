#include "common/auth/key_set.h"

#include <algorithm>
#include <utility>

#include "common/crypto/base64.h"
#include "common/http/json.h"

namespace registry::auth {

using crypto::SignatureAlgorithm;
using crypto::SignatureKey;
using http::JsonDocument;
using http::JsonType;
using http::JsonValue;
using http::text_member;

namespace {

std::string octets_member(const JsonValue& object, std::string_view name) {
  const auto text = text_member(object, name);
  if (!text) return {};
  return crypto::decode_base64url(*text).value_or("");
}

// Source: RFC 7518, section 6; RFC 8037, section 2.
std::optional<SignatureKey> read_public_key(const JsonValue& jwk) {
  const auto type = text_member(jwk, "kty");
  const auto curve = text_member(jwk, "crv");
  if (type == "RSA") return SignatureKey::rsa(octets_member(jwk, "n"), octets_member(jwk, "e"));
  if (type == "EC" && curve == "P-256") {
    return SignatureKey::p256(octets_member(jwk, "x"), octets_member(jwk, "y"));
  }
  if (type == "OKP" && curve == "Ed25519") {
    return SignatureKey::ed25519(octets_member(jwk, "x"));
  }
  return std::nullopt;
}

// Whether a key says of itself that it verifies signatures, or says nothing of what it is for.
bool is_for_signatures(const JsonValue& jwk) {
  const auto use = jwk.member("use");
  if (use && text_member(jwk, "use") != "sig") return false;
  const auto operations = jwk.member("key_ops");
  if (!operations) return true;
  if (operations->type() != JsonType::kArray) return false;
  const auto named = operations->children();
  return std::any_of(named.begin(), named.end(), [](const JsonValue& operation) {
    return operation.type() == JsonType::kString && operation.text() == "verify";
  });
}

}  // namespace

// Builds a set out of its JSON.
class KeySetReader {
 public:
  void add(const JsonValue& jwk) {
    // Who publishes a private key has lost it.
    if (jwk.type() != JsonType::kObject || !is_for_signatures(jwk) || jwk.member("d")) return;
    auto key = read_public_key(jwk);
    if (!key) return;
    std::optional<SignatureAlgorithm> algorithm;
    if (jwk.member("alg")) {
      algorithm = parse_algorithm(text_member(jwk, "alg").value_or(""));
      if (!algorithm || !key->fits(*algorithm)) return;
    }
    std::optional<std::string> kid;
    if (jwk.member("kid")) {
      const auto text = text_member(jwk, "kid");
      if (!text) return;
      kid = std::string(*text);
    }
    set_.keys_.push_back({.kid = std::move(kid), .algorithm = algorithm, .key = std::move(*key)});
  }

  KeySet take(std::string_view issuer) {
    set_.issuer_ = issuer;
    remove_ambiguous();
    return std::move(set_);
  }

 private:
  // Of keys that answer to the same name nobody knows which one is meant.
  void remove_ambiguous() {
    const auto keys = set_.keys_;
    std::erase_if(set_.keys_, [&](const KeySet::Key& one) {
      return one.kid && std::count_if(keys.begin(), keys.end(), [&](const KeySet::Key& other) {
                          return other.kid == one.kid && other.key.type() == one.key.type();
                        }) > 1;
    });
  }

  KeySet set_;
};

tl::expected<KeySet, std::string> KeySet::parse(std::string_view text) {
  using Failed = tl::unexpected<std::string>;
  if (text.size() > kTextLimitBytes) return Failed("is too large");
  const auto document = JsonDocument::parse(text);
  if (!document) return Failed("is no JSON that can be taken: " + document.error().message);
  const JsonValue root = document->root();
  if (root.type() != JsonType::kObject) return Failed("is no JSON object");
  const auto issuer = text_member(root, "issuer");
  const auto keys = root.member("keys");
  if (!issuer) return Failed("names no issuer");
  if (!keys || keys->type() != JsonType::kArray) return Failed("has no array of keys");
  const auto all = keys->children();
  if (all.size() > kKeyLimit) return Failed("has too many keys");
  KeySetReader reader;
  for (const JsonValue& jwk : all) reader.add(jwk);
  KeySet set = reader.take(*issuer);
  if (set.size() == 0) return Failed("has no key for signatures");
  return set;
}

const SignatureKey* KeySet::find(const std::optional<std::string>& kid,
                                 SignatureAlgorithm algorithm) const {
  const SignatureKey* found = nullptr;
  for (const Key& key : keys_) {
    if (key.algorithm ? *key.algorithm != algorithm : !key.key.fits(algorithm)) continue;
    if (kid && key.kid != kid) continue;
    if (found != nullptr) return nullptr;
    found = &key.key;
  }
  return found;
}

std::optional<SignatureAlgorithm> parse_algorithm(std::string_view text) {
  if (text == "RS256") return SignatureAlgorithm::kRs256;
  if (text == "PS256") return SignatureAlgorithm::kPs256;
  if (text == "ES256") return SignatureAlgorithm::kEs256;
  if (text == "EdDSA") return SignatureAlgorithm::kEdDsa;
  return std::nullopt;
}

}  // namespace registry::auth
