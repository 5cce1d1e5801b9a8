#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/integration/guarded_service.h"
#include "tests/support/transcript.h"
#include "tests/support/wait.h"

// How functions hold tokens against the keys of their issuer, which come and go.
namespace registry::test {
namespace {

constexpr const char* kBySlug = "/v1/tenants/by-slug/acme";

// Hears, as jwks_sync does, that functions ask for new keys.
class WakeSocket {
 public:
  explicit WakeSocket(const std::string& key_file)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = key_file + ".wake";
    REQUIRE(path.size() < sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
            0);
  }

  // How often it was asked since the last call of this.
  int take_calls() {
    int calls = 0;
    char byte = 0;
    while (::recv(socket_.get(), &byte, 1, 0) == 1) ++calls;
    return calls;
  }

 private:
  UniqueFd socket_;
};

HttpResponse look_up(GuardedService& guarded, const std::string& token) {
  return guarded.send_with({.path = kBySlug}, "Bearer " + token);
}

void require_refused(const HttpResponse& response, const std::string& reason) {
  require_problem(response, 401, "unauthenticated");
  REQUIRE(response.json().at("detail") == reason);
  REQUIRE(response.header("www-authenticate") ==
          "Bearer realm=\"tenant-registry\", error=\"invalid_token\", error_description=\"" +
              reason + "\"");
}

std::string flipped(std::string token, std::size_t at) {
  token[at] = token[at] == 'A' ? 'B' : 'A';
  return token;
}

TEST_CASE("tokens: each way not to be one is 401 and says why") {
  GuardedService& guarded = shared_guarded_service();
  const TokenIssuer& issuer = guarded.issuer();
  const Json roles = administrator();
  const auto with = [&](const char* name, const Json& value) {
    Json claims = roles;
    claims[name] = value;
    return look_up(guarded, issuer.token(claims));
  };
  REQUIRE(look_up(guarded, issuer.token(roles)).status == 200);
  require_refused(with("iss", "https://id.example/realms/other"),
                  "The token is of another issuer.");
  require_refused(with("aud", "other"), "The token is made out to another service.");
  require_refused(with("exp", 1'700'000'000), "The token has expired.");
  require_refused(with("nbf", 4'000'000'000), "The token is not valid yet.");
  require_refused(with("typ", "Refresh"), "This is no access token.");
  require_refused(with("sub", 5), "The token has claims of another form than an access token.");
  require_refused(look_up(guarded, "a.b"), "This is no signed token.");
  require_refused(look_up(guarded, "bp.x.y"), "This is no signed token.");

  const std::string token = issuer.token(roles);
  require_refused(look_up(guarded, flipped(token, token.size() - 20)),
                  "The token's signature is not valid.");
  require_refused(look_up(guarded, flipped(token, token.rfind('.') - 20)),
                  "The token's signature is not valid.");
  const std::string payload = issuer.claims(roles).dump();
  require_refused(look_up(guarded, compact(R"({"alg":"none"})", payload, "")),
                  "The token is signed with an algorithm that is not taken.");
  require_refused(look_up(guarded, compact(R"({"alg":"ES256","crit":["exp"]})", payload, "x")),
                  "The token has a header that is not taken.");
}

TEST_CASE("tokens: one that fits into no header is refused before a function sees it") {
  const HttpResponse response =
      shared_guarded_service().send_with({.path = kBySlug}, "Bearer " + std::string(9'000, 'x'));
  require_problem(response, 431, "invalid_request");
}

TEST_CASE("tokens: a withdrawn key ends what was signed with it, a new one begins") {
  GuardedService guarded;
  const std::string first = guarded.issuer().token(administrator());
  REQUIRE(look_up(guarded, first).status == 200);
  guarded.issuer().rotate();
  const std::string second = guarded.issuer().token(administrator());
  guarded.issuer().publish(guarded.key_file());
  REQUIRE(look_up(guarded, second).status == 200);
  REQUIRE(look_up(guarded, first).status == 200);

  TokenIssuer other;
  other.publish(guarded.key_file());
  wait_until("the withdrawal", [&] {
    const TranscriptPause pause;
    return look_up(guarded, first).status == 401;
  });
  require_refused(look_up(guarded, second),
                  "The token is signed with a key that the issuer does not publish.");
}

TEST_CASE("tokens: a token with a new key is kept until jwks_sync has fetched it") {
  GuardedService guarded;
  WakeSocket jwks_sync(guarded.key_file());
  guarded.issuer().rotate();
  const std::string token = guarded.issuer().token(administrator());
  std::jthread publisher([&] {
    wait_until("a call for new keys", [&] { return jwks_sync.take_calls() > 0; });
    guarded.issuer().publish(guarded.key_file());
  });
  REQUIRE(look_up(guarded, token).status == 200);
}

TEST_CASE("tokens: a thousand with unknown keys make a function ask once") {
  GuardedService guarded;
  WakeSocket jwks_sync(guarded.key_file());
  const SigningKey foreign = SigningKey::p256("foreign");
  const std::string claims = guarded.issuer().claims(administrator()).dump();
  for (int i = 0; i < 1'000; ++i) {
    const std::string token =
        foreign.token_of({{"alg", "ES256"}, {"kid", "unknown-" + std::to_string(i)}}, claims);
    REQUIRE(look_up(guarded, token).status == 401);
  }
  // Once in ten seconds, which they may take.
  const int calls = jwks_sync.take_calls();
  REQUIRE(calls >= 1);
  REQUIRE(calls <= 2);
}

TEST_CASE("tokens: without keys they are 503 and the service is not ready") {
  GuardedService guarded;
  std::filesystem::remove(guarded.key_file());
  Service& service = guarded.service();
  for (const char* operation : {"tenant_get_by_slug", "health_ready"}) {
    REQUIRE(service.stop_function(operation, SIGTERM) == 0);
    service.start_function(operation);
  }
  const std::string token = guarded.issuer().token(administrator());
  const HttpResponse refused = look_up(guarded, token);
  require_problem(refused, 503, "unavailable");
  REQUIRE(refused.header("retry-after"));
  const HttpResponse unready = guarded.send_with({.path = "/readyz"}, "");
  require_problem(unready, 503, "unavailable");
  REQUIRE(unready.json().at("detail") ==
          "the keys of the token issuer are missing: jwks_sync has not had any");
  REQUIRE(guarded.send_with({.path = "/healthz"}, "").status == 200);
  require_problem(guarded.send_with({.path = kBySlug}, ""), 401, "unauthenticated");

  guarded.issuer().publish(guarded.key_file());
  REQUIRE(look_up(guarded, token).status == 200);
  wait_until("readiness", [&] {
    const TranscriptPause pause;
    return guarded.send_with({.path = "/readyz"}, "").status == 200;
  });
}

TEST_CASE("tokens: what is broken in the file of keys leaves the last good ones in use") {
  GuardedService guarded;
  const std::string token = guarded.issuer().token(administrator());
  REQUIRE(look_up(guarded, token).status == 200);
  for (const char* content :
       {"", "{", R"({"issuer":"https://id.example/realms/registry","keys":[]})",
        R"({"issuer":"https://other.example","keys":[]})"}) {
    write_file(guarded.key_file(), content);
    REQUIRE(look_up(guarded, guarded.issuer().token(administrator())).status == 200);
  }
}

TEST_CASE("tokens: without an issuer nobody looks at them") {
  HttpClient client = shared_service().client();
  const HttpResponse response =
      client.send({.path = kBySlug, .headers = {"Authorization: Bearer nonsense"}});
  REQUIRE(response.status == 200);
}

}  // namespace
}  // namespace registry::test
