#pragma once

#include <string>
#include <vector>

#include "tests/integration/integration.h"
#include "tests/support/token_maker.h"

// A service that asks for tokens, and the issuer of these, which exists as a file of keys alone:
// what jwks_sync does with a real one is for its own tests.
namespace registry::test {

class TokenIssuer {
 public:
  TokenIssuer();

  [[nodiscard]] const std::string& url() const { return url_; }
  // Writes the keys of the moment where functions look for them.
  void publish(const std::string& file) const;
  // From now on signs with another key, which publish() adds to the old one.
  void rotate();

  // The claims that make a token valid now, with `claims` in their place or besides.
  [[nodiscard]] Json claims(const Json& claims = Json::object()) const;
  // A token with them, signed with the newest key.
  [[nodiscard]] std::string token(const Json& claims = Json::object()) const;

 private:
  std::string url_;
  std::vector<SigningKey> keys_;
};

// "Authorization: Bearer …", as a header of a request.
[[nodiscard]] std::string bearer(const std::string& token);

// Claims of the platform's callers.
[[nodiscard]] Json administrator();
[[nodiscard]] Json service_of(const std::string& product);
[[nodiscard]] Json member_of(const Json& organization);
[[nodiscard]] Json manager_of(const Json& organization);

// A service of its own, with its issuer.
class GuardedService {
 public:
  explicit GuardedService(const Environment& environment = {});

  [[nodiscard]] Service& service() { return service_; }
  [[nodiscard]] TokenIssuer& issuer() { return issuer_; }
  [[nodiscard]] const std::string& key_file() const { return key_file_; }

  // Sends a request as somebody with these claims.
  HttpResponse send(HttpRequest request, const Json& claims);
  // Sends a request with an Authorization header; none if it is empty.
  HttpResponse send_with(HttpRequest request, const std::string& authorization);
  HttpResponse post(const std::string& path, const Json& body, const Json& claims);

 private:
  TempFolder folder_;
  TokenIssuer issuer_;
  std::string key_file_;
  Service service_;
  HttpClient client_;
};

// The one that most tests of access share.
[[nodiscard]] GuardedService& shared_guarded_service();

// Looks into its database.
[[nodiscard]] Backend& guarded_database();

// A new tenant of the shared guarded service.
[[nodiscard]] Json make_guarded_tenant();
// A new key of a tenant, its plaintext in "key".
[[nodiscard]] Json make_guarded_key(const Json& tenant, const Json& attributes);

}  // namespace registry::test
