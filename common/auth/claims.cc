#include "common/auth/claims.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "common/domain/rules.h"
#include "common/http/json.h"

namespace registry::auth {
namespace {

using http::JsonDocument;
using http::JsonType;
using http::JsonValue;

template <class T>
using Read = tl::expected<T, std::string_view>;
using Refusal = tl::unexpected<std::string_view>;

constexpr std::string_view kMalformed =
    "The token has claims of another form than an access token.";
constexpr std::int64_t kUsPerSecond = 1'000'000;
// Of seconds since 1970: the year 9999, behind which a time has no text here.
constexpr double kLargestTime = 253'402'300'799;

Read<std::optional<JsonValue>> member_of(const JsonValue& object, std::string_view name,
                                         JsonType type) {
  auto member = object.member(name);
  if (member && member->type() != type) return Refusal(kMalformed);
  return member;
}

// A text of 1 to 255 characters; an empty one counts as absent.
Read<std::optional<std::string>> read_text(const JsonValue& object, std::string_view name) {
  const auto member = member_of(object, name, JsonType::kString);
  if (!member) return Refusal(member.error());
  if (!*member || (*member)->text().empty()) return std::nullopt;
  auto text = parse_text((*member)->text());
  if (!text) return Refusal(kMalformed);
  return std::move(*text);
}

// A moment in seconds since 1970, which may have a fraction.
Read<std::optional<Timestamp>> read_moment(const JsonValue& object, std::string_view name) {
  const auto member = member_of(object, name, JsonType::kNumber);
  if (!member) return Refusal(member.error());
  if (!*member) return std::nullopt;
  const std::string_view digits = (*member)->text();
  double seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size();
  if (!is_number || !(seconds >= 0 && seconds <= kLargestTime)) return Refusal(kMalformed);
  return Timestamp{std::llround(seconds * static_cast<double>(kUsPerSecond))};
}

// A claim that is a text or an array of texts, such as `aud`.
Read<std::vector<std::string_view>> texts_of(const std::optional<JsonValue>& claim,
                                             std::size_t limit) {
  std::vector<std::string_view> texts;
  if (!claim) return texts;
  if (claim->type() == JsonType::kString) return std::vector{claim->text()};
  if (claim->type() != JsonType::kArray) return Refusal(kMalformed);
  for (const JsonValue& element : claim->children()) {
    if (element.type() != JsonType::kString || texts.size() == limit) return Refusal(kMalformed);
    texts.push_back(element.text());
  }
  return texts;
}

// Whether the token is the issuer's, made out to this service, and an access token.
Read<bool> check_parties(const JsonValue& root, const TokenPolicy& policy) {
  const auto issuer = member_of(root, "iss", JsonType::kString);
  if (!issuer) return Refusal(issuer.error());
  if (!*issuer || (*issuer)->text() != policy.issuer) {
    return Refusal("The token is of another issuer.");
  }
  const auto audiences = texts_of(root.member("aud"), Claims::kRoleLimit);
  if (!audiences) return Refusal(audiences.error());
  const auto party = member_of(root, "azp", JsonType::kString);
  if (!party) return Refusal(party.error());
  const bool is_for_us =
      (*party && (*party)->text() == policy.audience) ||
      std::find(audiences->begin(), audiences->end(), policy.audience) != audiences->end();
  if (!is_for_us) return Refusal("The token is made out to another service.");
  // Keycloak's tokens of other kinds, which it signs with the same keys.
  const auto kind = member_of(root, "typ", JsonType::kString);
  if (!kind) return Refusal(kind.error());
  if (*kind && (*kind)->text() != "Bearer") return Refusal("This is no access token.");
  return true;
}

// The moment from which the token is expired.
Read<Timestamp> check_times(const JsonValue& root, Timestamp now) {
  constexpr std::int64_t kLeewayUs = kClockLeewayS * kUsPerSecond;
  const auto end = read_moment(root, "exp");
  const auto start = read_moment(root, "nbf");
  const auto issued = read_moment(root, "iat");
  if (!end || !*end || !start || !issued) return Refusal(kMalformed);
  const Timestamp expired{(*end)->unix_us + kLeewayUs};
  if (now >= expired) return Refusal("The token has expired.");
  if (*start && now.unix_us < (*start)->unix_us - kLeewayUs) {
    return Refusal("The token is not valid yet.");
  }
  return expired;
}

// Adds `roles` of an object such as realm_access.
Read<bool> add_roles(std::vector<std::string>& roles, const std::optional<JsonValue>& object) {
  if (!object) return true;
  if (object->type() != JsonType::kObject) return Refusal(kMalformed);
  const auto names = member_of(*object, "roles", JsonType::kArray);
  if (!names) return Refusal(names.error());
  const auto texts = texts_of(*names, Claims::kRoleLimit - roles.size());
  if (!texts) return Refusal(texts.error());
  roles.insert(roles.end(), texts->begin(), texts->end());
  return true;
}

Read<std::vector<std::string>> read_roles(const JsonValue& root, std::string_view audience) {
  std::vector<std::string> roles;
  if (const auto added = add_roles(roles, root.member("realm_access")); !added) {
    return Refusal(added.error());
  }
  const auto clients = member_of(root, "resource_access", JsonType::kObject);
  if (!clients) return Refusal(clients.error());
  if (!*clients) return roles;
  const auto added = add_roles(roles, (*clients)->member(audience));
  if (!added) return Refusal(added.error());
  return roles;
}

// One of the members of an object of organisations: an id that is none makes it unusable, since its
// alias then means nothing.
Read<std::optional<Organization>> read_organization(const JsonValue& member) {
  if (member.type() != JsonType::kObject) return Refusal(kMalformed);
  Organization organization{.alias = std::string(member.name()), .id = {}};
  if (const auto id = member.member("id")) {
    organization.id = id->type() == JsonType::kString ? Uuid::parse(id->text()) : std::nullopt;
    if (!organization.id) return std::nullopt;
  }
  return organization;
}

// In any of the shapes ["acme"], {"acme":{"id":"…"}}, "acme", {"acme":{}}.
Read<std::vector<Organization>> read_organizations(const JsonValue& root) {
  std::vector<Organization> organizations;
  const auto claim = root.member("organization");
  if (!claim || claim->type() != JsonType::kObject) {
    const auto aliases = texts_of(claim, Claims::kOrganizationLimit);
    if (!aliases) return Refusal(aliases.error());
    for (const std::string_view alias : *aliases) {
      organizations.push_back({.alias = std::string(alias), .id = {}});
    }
    return organizations;
  }
  const auto members = claim->children();
  if (members.size() > Claims::kOrganizationLimit) return Refusal(kMalformed);
  for (const JsonValue& member : members) {
    auto organization = read_organization(member);
    if (!organization) return Refusal(organization.error());
    if (*organization) organizations.push_back(std::move(**organization));
  }
  return organizations;
}

// The first of two claims that is there.
Read<std::optional<std::string>> read_either(const JsonValue& root, std::string_view first,
                                             std::string_view second) {
  auto text = read_text(root, first);
  if (!text || *text) return text;
  return read_text(root, second);
}

}  // namespace

tl::expected<Claims, std::string_view> read_claims(std::string_view payload,
                                                   const TokenPolicy& policy, Timestamp now) {
  const auto document = JsonDocument::parse(payload);
  if (!document || document->root().type() != JsonType::kObject) return Refusal(kMalformed);
  const JsonValue root = document->root();
  auto client = read_either(root, "azp", "client_id");
  if (!client) return Refusal(client.error());
  const auto parties = check_parties(root, policy);
  if (!parties) return Refusal(parties.error());
  const auto end = check_times(root, now);
  if (!end) return Refusal(end.error());
  auto subject = read_text(root, "sub");
  auto name = read_either(root, "preferred_username", "name");
  auto roles = read_roles(root, policy.audience);
  auto organizations = read_organizations(root);
  if (!subject || !*subject || !name || !roles || !organizations) return Refusal(kMalformed);
  return Claims{.subject = std::move(**subject),
                .name = std::move(*name),
                .client = client->value_or(""),
                .roles = std::move(*roles),
                .organizations = std::move(*organizations),
                .end = *end};
}

}  // namespace registry::auth
