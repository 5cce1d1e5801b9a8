#include "common/auth/authenticator.h"

#include <chrono>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include "common/app/key_renewal.h"
#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/token_fixture.h"

// Tokens held against a file of keys that comes, changes and breaks.
namespace registry::auth {
namespace {

using nlohmann::json;
using registry::test::SigningKey;
using registry::test::TempFolder;
using registry::test::write_file;
using std::chrono::milliseconds;

class AuthenticatorTest {
 protected:
  AuthenticatorTest() { publish(test::all_keys()); }

  void publish(const json& keys, const std::string& issuer = test::kIssuer) {
    publish_text(test::key_file_text(keys, issuer));
  }
  void publish_text(const std::string& text) {
    write_file(path_ + ".new", text);
    std::filesystem::rename(path_ + ".new", path_);
  }

  static std::string token(const json& claims = json::object()) {
    return test::p256_key().token({{"alg", "ES256"}}, test::valid_claims(claims));
  }

  Authentication authenticate(const std::string& token) {
    return authenticator_.authenticate(token);
  }
  void check_verdict(const std::string& token, TokenVerdict verdict, const std::string& reason) {
    const Authentication found = authenticate(token);
    CHECK(static_cast<int>(found.verdict) == static_cast<int>(verdict));
    CHECK(found.reason == reason);
    CHECK((found.principal != nullptr) == (verdict == TokenVerdict::kVerified));
  }

  TempFolder folder_;
  std::string path_ = folder_.path() + "/jwks.json";
  KeyFile::Now::result_type steady_now_{};
  KeyFile keys_{path_, test::kIssuer, [this] { return steady_now_; }};
  registry::test::FakeClock clock_{{test::kNowS * 1'000'000}};
  Authenticator authenticator_{
      keys_, {.issuer = test::kIssuer, .audience = test::kAudience}, clock_};
};

TEST_CASE_METHOD(AuthenticatorTest, "Authenticator: a valid token proves who calls") {
  const Authentication found = authenticate(token({{"sub", "jane"}, {"azp", "portal"}}));
  REQUIRE(found.principal);
  CHECK(found.principal->id == "jane");
  CHECK(found.principal->client == "portal");
}

TEST_CASE_METHOD(AuthenticatorTest, "Authenticator: each fault has its verdict and its reason") {
  check_verdict("", TokenVerdict::kRefused, "This is no signed token.");
  check_verdict(std::string(9'000, 'x'), TokenVerdict::kRefused, "This is no signed token.");
  check_verdict(registry::test::compact(R"({"alg":"none"})", "{}", ""), TokenVerdict::kRefused,
                "The token is signed with an algorithm that is not taken.");
  check_verdict(test::p256_key().token({{"alg", "ES256"}, {"jku", "x"}}, test::valid_claims()),
                TokenVerdict::kRefused, "The token has a header that is not taken.");
  check_verdict(SigningKey::p256("p256").token({{"alg", "ES256"}}, test::valid_claims()),
                TokenVerdict::kRefused, "The token's signature is not valid.");
  check_verdict(SigningKey::p256("new").token({{"alg", "ES256"}}, test::valid_claims()),
                TokenVerdict::kUnknownKey,
                "The token is signed with a key that the issuer does not publish.");
  check_verdict(token({{"iss", "https://id.example"}}), TokenVerdict::kRefused,
                "The token is of another issuer.");
}

TEST_CASE_METHOD(AuthenticatorTest, "Authenticator: a remembered token expires all the same") {
  const std::string seen = token({{"exp", test::kNowS + 10}});
  check_verdict(seen, TokenVerdict::kVerified, "");
  clock_.advance_us(69'999'999);
  check_verdict(seen, TokenVerdict::kVerified, "");
  clock_.advance_us(1);
  check_verdict(seen, TokenVerdict::kRefused, "The token has expired.");
}

TEST_CASE_METHOD(AuthenticatorTest, "Authenticator: a token like a remembered one is another one") {
  std::string seen = token();
  check_verdict(seen, TokenVerdict::kVerified, "");
  seen[seen.size() - 10] = seen[seen.size() - 10] == 'A' ? 'B' : 'A';
  check_verdict(seen, TokenVerdict::kRefused, "The token's signature is not valid.");
}

TEST_CASE_METHOD(AuthenticatorTest,
                 "Authenticator: what a withdrawn key has signed counts no more") {
  const std::string seen = token();
  check_verdict(seen, TokenVerdict::kVerified, "");
  publish(json::array({test::ed25519_key().jwk()}));
  check_verdict(seen, TokenVerdict::kVerified, "");  // for as long as nobody has looked
  steady_now_ += KeyFile::kLookInterval;
  const std::string unpublished =
      "The token is signed with a key that the issuer does not publish.";
  check_verdict(seen, TokenVerdict::kUnknownKey, unpublished);
  // Nor once the new keys have something to be remembered.
  check_verdict(test::ed25519_key().token({{"alg", "EdDSA"}}, test::valid_claims()),
                TokenVerdict::kVerified, "");
  check_verdict(seen, TokenVerdict::kUnknownKey, unpublished);
}

TEST_CASE_METHOD(AuthenticatorTest, "Authenticator: without keys nobody knows") {
  KeyFile none(folder_.path() + "/none", test::kIssuer);
  Authenticator authenticator(none, {.issuer = test::kIssuer, .audience = test::kAudience}, clock_);
  CHECK(static_cast<int>(authenticator.authenticate(token()).verdict) ==
        static_cast<int>(TokenVerdict::kNoKeys));
}

TEST_CASE_METHOD(AuthenticatorTest, "KeyFile: looks for another file five times in a second") {
  const auto first = keys_.current();
  REQUIRE(first.keys);
  publish(json::array({test::ed25519_key().jwk()}));
  steady_now_ += KeyFile::kLookInterval - milliseconds(1);
  CHECK(keys_.current().keys == first.keys);
  steady_now_ += milliseconds(1);
  const auto second = keys_.current();
  CHECK(second.keys->size() == 1);
  CHECK(second.generation == first.generation + 1);
  publish(test::all_keys());
  CHECK(keys_.look_now().keys->size() == 3);
  CHECK(keys_.look_now().generation == second.generation + 1);
}

TEST_CASE_METHOD(AuthenticatorTest,
                 "KeyFile: what is no file of this issuer's keys changes nothing") {
  const auto good = keys_.current();
  const auto check_unchanged = [&] {
    CHECK(keys_.look_now().keys == good.keys);
    CHECK(keys_.look_now().generation == good.generation);
  };
  for (const std::string& text :
       {std::string(), std::string("{"), test::key_file_text(json::array()),
        test::key_file_text(test::all_keys(), "https://other.example"),
        test::key_file_text(test::all_keys()) + std::string(std::size_t{2} << 20U, ' ')}) {
    publish_text(text);
    check_unchanged();
  }
  std::filesystem::remove(path_);
  check_unchanged();
  std::filesystem::create_directory(path_);
  check_unchanged();
  std::filesystem::remove(path_);
  // Which whoever opens it would wait for.
  REQUIRE(::mkfifo(path_.c_str(), S_IRUSR | S_IWUSR) == 0);
  check_unchanged();
  std::filesystem::remove(path_);
  publish(json::array({test::ed25519_key().jwk()}));
  CHECK(keys_.look_now().generation == good.generation + 1);
}

class KeyRenewalTest : public AuthenticatorTest {
 protected:
  static constexpr KeyRenewal::Limits kLimits{.interval = milliseconds(60'000),
                                              .patience = milliseconds(20),
                                              .poll = milliseconds(1),
                                              .waiting = 2};

  bool has_newer(std::uint64_t generation) {
    return renewal_.has_newer(generation, [this] { ++waits_; });
  }

  int asked_ = 0;
  int waits_ = 0;
  bool publishes_when_asked_ = false;
  KeyRenewal renewal_{keys_,
                      [this] {
                        ++asked_;
                        if (publishes_when_asked_) publish(json::array({test::p256_key().jwk()}));
                      },
                      kLimits};
};

TEST_CASE_METHOD(KeyRenewalTest, "KeyRenewal: keys that are there already are neither asked for") {
  const auto before = keys_.current();
  publish(json::array({test::p256_key().jwk()}));
  CHECK(has_newer(before.generation));
  CHECK(asked_ == 0);
  CHECK(waits_ == 0);
}

TEST_CASE_METHOD(KeyRenewalTest, "KeyRenewal: asks, and waits for what comes of it") {
  publishes_when_asked_ = true;
  CHECK(has_newer(keys_.current().generation));
  CHECK(asked_ == 1);
  CHECK(waits_ == 1);
}

TEST_CASE_METHOD(KeyRenewalTest,
                 "KeyRenewal: a thousand callers make it ask once, and wait no more") {
  const std::uint64_t generation = keys_.current().generation;
  for (int i = 0; i < 1'000; ++i) CHECK_FALSE(has_newer(generation));
  CHECK(asked_ == 1);
  CHECK(waits_ >= 1);
  CHECK(waits_ < 1'000);
}

}  // namespace
}  // namespace registry::auth
