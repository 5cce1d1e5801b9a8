#include "common/app/key_verifier.h"

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/unasked_store.h"

namespace registry {
namespace {

const Uuid kFirst = *Uuid::parse("00000000-0000-0000-0000-000000000001");
const Uuid kSecond = *Uuid::parse("00000000-0000-0000-0000-000000000002");
const ProductId kOneProduct = *ProductId::parse("certifai");
const ProductId kOtherProduct = *ProductId::parse("compliance");

// Two keys of one prefix.
const crypto::ApiKeySecret kSecret = *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBBBBBBBBA");
const crypto::ApiKeySecret kOther = *crypto::ApiKeySecret::parse("bp_AAAAAAAACCCCCCCCCCCCCA");

// Gives every candidate that it has, and remembers what it was asked for.
class KeyStore final : public test::UnaskedStore {
 public:
  std::vector<ApiKeyCandidate> api_keys_by_prefix(
      std::string_view prefix, const std::optional<ProductId>& product) override {
    if (is_away) throw StoreUnavailable("away");
    last_prefix = prefix;
    last_product = product;
    return candidates;
  }

  std::size_t note_key_uses(std::span<const KeyUse> uses) override {
    for (const KeyUse& use : uses) used.push_back(use.key_id);
    return uses.size();
  }

  std::vector<ApiKeyCandidate> candidates;
  std::vector<Uuid> used;
  bool is_away = false;
  std::string last_prefix;
  std::optional<ProductId> last_product;
};

class KeyVerifierTest {
 protected:
  void add(const Uuid& id, std::string hash) {
    store_.candidates.push_back({.key = {.id = id,
                                         .tenant_id = id,
                                         .product = {},
                                         .name = "ci",
                                         .scopes = {},
                                         .prefix = std::string(kSecret.prefix()),
                                         .created_by = {},
                                         .last_used_at = {},
                                         .revoked_at = {},
                                         .created_at = {0}},
                                 .hash = std::move(hash),
                                 .tenant_slug = "acme",
                                 .tenant_status = TenantStatus::kActive,
                                 .entitlement = {}});
  }

  VerifiedKey verify() { return verifier_->verify(kSecret, {}, {}).value(); }

  test::FakeClock clock_{{0}};
  test::CapturedLog captured_;
  Log log_{LogLevel::kInfo, "op", clock_, captured_.fd()};
  KeyStore store_;
  Metrics metrics_{CounterFile::without_file()};
  std::optional<KeyVerifier> verifier_{std::in_place, store_, log_, metrics_};
};

TEST_CASE("parse_api_key: a text of our format, and a refusal that does not repeat it") {
  CHECK(parse_api_key("bp_AAAAAAAABBBBBBBBBBBBBA").value().text() == kSecret.text());
  for (const std::string text : {"", "bp_", "bp_AAAAAAAABBBBBBBBBBBBBB", "x"}) {
    REQUIRE_FALSE(parse_api_key(text));
    CHECK(parse_api_key(text).error() == "must be an API key");
  }
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: a prefix that nobody has is not found") {
  const VerifiedKey found = verifier_->verify(kSecret, kOneProduct, {}).value();
  CHECK(found.verdict == KeyVerdict::kNotFound);
  CHECK_FALSE(found.candidate);
  CHECK(store_.last_prefix == "bp_AAAAAAAA");
  CHECK(store_.last_product == kOneProduct);
}

TEST_CASE_METHOD(KeyVerifierTest,
                 "KeyVerifier: of two keys with one prefix, the one that matches") {
  add(kFirst, crypto::hash_api_key(kOther));
  add(kSecond, crypto::hash_api_key(kSecret));
  const VerifiedKey found = verify();
  CHECK(found.verdict == KeyVerdict::kValid);
  REQUIRE(found.candidate);
  CHECK(found.candidate->key.id == kSecond);
  CHECK(verifier_->verify(kOther, {}, {})->candidate->key.id == kFirst);
  CHECK_FALSE(store_.last_product);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: what another key is refused for is never told") {
  add(kFirst, crypto::hash_api_key(kOther));
  store_.candidates[0].key.revoked_at = Timestamp{0};
  CHECK(verify().verdict == KeyVerdict::kNotFound);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: a key that is refused comes without its data") {
  add(kFirst, crypto::hash_api_key(kSecret));
  ApiKeyCandidate& candidate = store_.candidates[0];
  const auto verdict = [&] {
    const VerifiedKey found = verifier_->verify(kSecret, kOneProduct, {"audit:write"}).value();
    CHECK(found.candidate.has_value() == (found.verdict == KeyVerdict::kValid));
    return found.verdict;
  };
  CHECK(verdict() == KeyVerdict::kInsufficientScope);
  candidate.key.product = "compliance";
  CHECK(verdict() == KeyVerdict::kWrongProduct);
  candidate.tenant_status = TenantStatus::kArchived;
  CHECK(verdict() == KeyVerdict::kTenantArchived);
  candidate.key.revoked_at = Timestamp{0};
  CHECK(verdict() == KeyVerdict::kRevoked);
  candidate.key.revoked_at.reset();
  candidate.key.product.reset();
  candidate.tenant_status = TenantStatus::kFrozen;
  candidate.key.scopes = {"audit:write"};
  CHECK(verdict() == KeyVerdict::kValid);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: a valid key comes with all that is known of it") {
  add(kFirst, crypto::hash_api_key(kSecret));
  store_.candidates[0].entitlement = Entitlement{.product = "compliance",
                                                 .enabled = true,
                                                 .active = true,
                                                 .config_json = "{}",
                                                 .expires_at = {},
                                                 .created_at = {0},
                                                 .updated_at = {0}};
  const VerifiedKey found = verifier_->verify(kSecret, kOtherProduct, {}).value();
  REQUIRE(found.candidate);
  CHECK(found.candidate->tenant_slug == "acme");
  CHECK(found.candidate->entitlement->product == "compliance");
}

TEST_CASE_METHOD(KeyVerifierTest,
                 "KeyVerifier: a hash in an unknown format matches nothing and is logged once") {
  add(kFirst, "bcrypt|secret-salt|secret-hash");
  CHECK(verify().verdict == KeyVerdict::kNotFound);
  add(kSecond, "");
  CHECK(verify().verdict == KeyVerdict::kNotFound);
  REQUIRE(captured_.lines().size() == 1);
  CHECK(captured_.lines()[0].at("level") == "warn");
  CHECK(captured_.text().find(kFirst.to_string()) != std::string::npos);
  CHECK(captured_.text().find("secret") == std::string::npos);
  CHECK(captured_.text().find("bp_") == std::string::npos);

  add(kSecond, crypto::hash_api_key(kSecret));
  CHECK(verify().verdict == KeyVerdict::kValid);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: a wrong plaintext leaves nothing in the log") {
  add(kFirst, crypto::hash_api_key(kOther));
  CHECK(verify().verdict == KeyVerdict::kNotFound);
  CHECK(captured_.text().empty());
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: of a key that has proven itself the row decides") {
  add(kFirst, crypto::hash_api_key(kSecret));
  ApiKeyCandidate& candidate = store_.candidates[0];
  const std::string hash = candidate.hash;
  CHECK(verify().verdict == KeyVerdict::kValid);
  candidate.key.revoked_at = Timestamp{0};
  CHECK(verify().verdict == KeyVerdict::kRevoked);
  candidate.key.revoked_at.reset();
  candidate.tenant_status = TenantStatus::kArchived;
  CHECK(verify().verdict == KeyVerdict::kTenantArchived);
  candidate.tenant_status = TenantStatus::kActive;
  candidate.hash = crypto::hash_api_key(kOther);
  CHECK(verify().verdict == KeyVerdict::kNotFound);
  candidate.hash = hash;
  CHECK(verify().verdict == KeyVerdict::kValid);
  // The row is gone.
  store_.candidates.clear();
  CHECK(verify().verdict == KeyVerdict::kNotFound);
  // Two hashes were held against the plaintext.
  CHECK(verifier_->proof_counts().proofs == 2);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: a proven key does not wait for one of its prefix") {
  add(kFirst, crypto::hash_api_key(kOther));
  add(kSecond, crypto::hash_api_key(kSecret));
  int waits = 0;
  verifier_->on_wait([&] { ++waits; });
  CHECK(verify().verdict == KeyVerdict::kValid);
  CHECK(waits == 2);
  store_.candidates[0].hash = crypto::hash_api_key(kOther);
  CHECK(verify().verdict == KeyVerdict::kValid);
  CHECK(waits == 2);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: only what a valid key is used for is noted") {
  add(kFirst, crypto::hash_api_key(kSecret));
  store_.candidates[0].key.revoked_at = Timestamp{0};
  CHECK(verify().verdict == KeyVerdict::kRevoked);
  verifier_.emplace(store_, log_, metrics_);
  CHECK(store_.used.empty());
  store_.candidates[0].key.revoked_at.reset();
  CHECK(verify().verdict == KeyVerdict::kValid);
  CHECK(verify().verdict == KeyVerdict::kValid);
  verifier_.reset();
  CHECK(store_.used == std::vector<Uuid>{kFirst});
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: hashes a new key so that it is verified") {
  const Result<std::string> hash = verifier_->hash(kSecret);
  REQUIRE(hash);
  CHECK(crypto::verify_api_key(kSecret, *hash) == crypto::KeyMatch::kMatch);
}

TEST_CASE_METHOD(KeyVerifierTest, "KeyVerifier: an outage is no verdict") {
  store_.is_away = true;
  CHECK_THROWS_AS(verify(), StoreUnavailable);
}

}  // namespace
}  // namespace registry
