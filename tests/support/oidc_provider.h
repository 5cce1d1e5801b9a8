#pragma once

#include <string>

#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry::test {

// A certified OpenID provider (npm's oidc-provider, which tests/run installs) on a free port of
// this machine. Its clients get access tokens made out to this service by their credentials.
class OidcProvider {
 public:
  // `claims`: for each client id the claims that its tokens have besides the provider's own.
  // Returns once it answers.
  explicit OidcProvider(const Json& claims);
  OidcProvider(const OidcProvider&) = delete;
  OidcProvider& operator=(const OidcProvider&) = delete;

  [[nodiscard]] const std::string& issuer() const { return issuer_; }
  // A new token of a client; `algorithm` is RS256, PS256, ES256 or EdDSA.
  [[nodiscard]] std::string token(const std::string& client,
                                  const std::string& algorithm = "RS256") const;
  // Replaces all keys: it signs with others from now on, and publishes only these.
  void rotate() const;
  // How often somebody has fetched its keys.
  [[nodiscard]] int key_fetches() const;
  // Returns once it has ended.
  void stop();

 private:
  TempFolder folder_;
  Process process_;
  std::string issuer_;
  std::string control_;
};

}  // namespace registry::test
