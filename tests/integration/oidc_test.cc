#include <chrono>
#include <string>
#include <vector>

#include <signal.h>

#include "tests/integration/guarded_service.h"
#include "tests/support/oidc_provider.h"
#include "tests/support/transcript.h"
#include "tests/support/wait.h"

// The whole way: a certified OpenID provider, jwks_sync, and functions that know nothing but its
// file. None of this can be repeated the same over another store.
namespace registry::test {
namespace {

constexpr const char* kLookUp = "/v1/tenants/by-slug/acme";

class OidcTest {
 protected:
  OidcTest()
      : provider_({{"certifai", service_of("certifai")},
                   {"operator", administrator()},
                   {"member", member_of(Json::array({"acme"}))},
                   {"stranger", Json::object()}}),
        settings_({{"KEYCLOAK_ISSUER", provider_.issuer()},
                   {"JWKS_FILE", folder_.path() + "/jwks.json"},
                   {"APP_ENV", "dev"}}),
        jwks_sync_(start_jwks_sync()),
        service_(settings_),
        client_(service_.client()) {
    wait_until("the first keys", [&] { return status_of("/readyz", "") == 200; });
  }

  Process start_jwks_sync() {
    return Process({.arguments = {build_folder() + "/functions/jobs/jwks_sync"},
                    .environment = settings_,
                    .error_path = folder_.path() + "/log"});
  }

  int status_of(const std::string& path, const std::string& token) {
    const TranscriptPause pause;
    HttpRequest request{.path = path};
    if (!token.empty()) request.headers.push_back(bearer(token));
    return client_.send(request).status;
  }

  int look_up(const std::string& token) { return status_of(kLookUp, token); }

  TempFolder folder_;
  OidcProvider provider_;
  Environment settings_;
  Process jwks_sync_;
  Service service_;
  HttpClient client_;
};

TEST_CASE_METHOD(OidcTest, "OpenID provider: its tokens count, whichever way they are signed",
                 "[embedded]") {
  for (const char* algorithm : {"RS256", "PS256", "ES256", "EdDSA"}) {
    CAPTURE(algorithm);
    REQUIRE(look_up(provider_.token("certifai", algorithm)) == 200);
    REQUIRE(look_up(provider_.token("operator", algorithm)) == 200);
    REQUIRE(look_up(provider_.token("member", algorithm)) == 200);
    REQUIRE(look_up(provider_.token("stranger", algorithm)) == 403);
  }
  REQUIRE(look_up("") == 401);
}

TEST_CASE_METHOD(OidcTest, "OpenID provider: new keys count within 15 seconds, without a restart",
                 "[embedded]") {
  REQUIRE(look_up(provider_.token("certifai")) == 200);
  provider_.rotate();
  const std::string token = provider_.token("certifai");
  const auto start = std::chrono::steady_clock::now();
  wait_until("the new keys", [&] { return look_up(token) == 200; });
  // wait_until() is more patient.
  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(15));
  REQUIRE(jwks_sync_.is_running());
}

TEST_CASE_METHOD(OidcTest, "OpenID provider: a thousand unknown keys cost it one fetch in 10 s",
                 "[embedded]") {
  const auto start = std::chrono::steady_clock::now();
  const SigningKey foreign = SigningKey::p256("foreign");
  Json claims = TokenIssuer().claims(administrator());
  claims["iss"] = provider_.issuer();
  for (int i = 0; i < 1'000; ++i) {
    const std::string kid = "unknown-" + std::to_string(i);
    REQUIRE(look_up(foreign.token({{"alg", "ES256"}, {"kid", kid}}, claims)) == 401);
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
  // The first one is that of the start.
  REQUIRE(provider_.key_fetches() <= 2 + took.count() / 10);
}

TEST_CASE_METHOD(OidcTest, "OpenID provider: while it is away, nothing changes for valid tokens",
                 "[embedded]") {
  const std::string seen = provider_.token("certifai");
  const std::string unseen = provider_.token("operator", "ES256");
  REQUIRE(look_up(seen) == 200);
  provider_.stop();
  REQUIRE(look_up(seen) == 200);
  REQUIRE(look_up(unseen) == 200);
  // Nor when everything starts anew.
  jwks_sync_.signal(SIGTERM);
  REQUIRE(jwks_sync_.wait() == 0);
  jwks_sync_ = start_jwks_sync();
  for (const std::string& operation : operation_ids()) {
    REQUIRE(service_.stop_function(operation, SIGTERM) == 0);
    service_.start_function(operation);
  }
  REQUIRE(look_up(seen) == 200);
  REQUIRE(status_of("/v1/entitlements?tenant_id=00000000-0000-0000-0000-000000000001", unseen) ==
          200);
  REQUIRE(status_of("/readyz", "") == 200);
  REQUIRE(jwks_sync_.is_running());
}

}  // namespace
}  // namespace registry::test
