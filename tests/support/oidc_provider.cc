#include "tests/support/oidc_provider.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <signal.h>

#include "tests/support/service.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

Process start_provider(const TempFolder& folder, const Json& claims) {
  const std::string installed = build_folder() + "/oidc_provider";
  if (!std::filesystem::exists(installed + "/installed.json")) {
    throw std::runtime_error("the OpenID provider is not installed; use tests/run");
  }
  write_file(folder.path() + "/claims.json", claims.dump());
  // Where its packages are found: beside it.
  std::filesystem::copy_file(source_folder() + "/tests/oidc_provider/provider.mjs",
                             installed + "/provider.mjs",
                             std::filesystem::copy_options::overwrite_existing);
  return Process({.arguments = {"/usr/bin/env", "node", installed + "/provider.mjs",
                                folder.path() + "/claims.json", folder.path() + "/ready.json"},
                  .error_path = folder.path() + "/log"});
}

int port_of(const std::string& url) {
  return std::stoi(url.substr(url.rfind(':') + 1));
}

}  // namespace

OidcProvider::OidcProvider(const Json& claims) : process_(start_provider(folder_, claims)) {
  const std::string ready = folder_.path() + "/ready.json";
  wait_until("the OpenID provider",
             [&] { return std::filesystem::exists(ready) || !process_.is_running(); });
  if (!std::filesystem::exists(ready)) {
    throw std::runtime_error("the OpenID provider ended: " + read_file(folder_.path() + "/log"));
  }
  const Json told = Json::parse(read_file(ready));
  issuer_ = told.at("issuer");
  control_ = told.at("control");
}

std::string OidcProvider::token(const std::string& client, const std::string& algorithm) const {
  const HttpResponse response =
      HttpClient::of_others(port_of(issuer_))
          .send({.method = "POST",
                 .path = "/token",
                 .body = "grant_type=client_credentials&client_id=" + client +
                         "&client_secret=" + client + "&resource=urn:registry:" + algorithm,
                 .headers = {"Content-Type: application/x-www-form-urlencoded"}});
  if (response.status != 200) throw std::runtime_error("no token: " + response.body);
  return response.json().at("access_token");
}

void OidcProvider::rotate() const {
  static_cast<void>(HttpClient::of_others(port_of(control_)).post("/rotate"));
}

int OidcProvider::key_fetches() const {
  return HttpClient::of_others(port_of(control_)).get("/counts").json().value("/jwks", 0);
}

void OidcProvider::stop() {
  process_.signal(SIGTERM);
  static_cast<void>(process_.wait());
}

}  // namespace registry::test
