#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/base/time.h"
#include "common/domain/uuid.h"

namespace registry::auth {

// What tokens must say to count here.
struct TokenPolicy {
  std::string issuer;
  std::string audience;
};

// How far the clocks of the issuer and of this machine may be apart, in seconds.
inline constexpr int kClockLeewayS = 60;

// An organisation as Keycloak tells it. Where there is an id, the alias means nothing.
struct Organization {
  std::string alias;
  std::optional<Uuid> id;
};

// What a token says of its bearer. Subject, name and client have at most 255 characters; all of it
// is bounded by the size of a token.
struct Claims {
  static constexpr std::size_t kRoleLimit = 256;  // also of audiences
  static constexpr std::size_t kOrganizationLimit = 64;

  std::string subject;
  std::optional<std::string> name;  // preferred_username, or else name
  std::string client;               // azp, or else client_id; may be empty
  std::vector<std::string> roles;   // of the realm, and of this service as a client
  std::vector<Organization> organizations;
  Timestamp end;  // from then on it is expired, leeway included
};

// Reads the payload of a token that has been verified. Fails with the reason, a sentence fit for
// whoever sent it: another issuer, not made out to this service, expired, not valid yet, no access
// token, no `sub` or `exp`, a claim of a wrong type, or too many.
// Source: RFC 7519, section 4.1; Keycloak's claims realm_access, resource_access, organization,
// typ.
[[nodiscard]] tl::expected<Claims, std::string_view> read_claims(std::string_view payload,
                                                                 const TokenPolicy& policy,
                                                                 Timestamp now);

}  // namespace registry::auth
