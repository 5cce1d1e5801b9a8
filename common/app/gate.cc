#include "common/app/gate.h"

#include <stdexcept>
#include <utility>

#include "common/auth/key_wake.h"

namespace registry {
namespace {

Error unauthenticated(std::string detail) {
  return failure(ErrorCode::kUnauthenticated, std::move(detail));
}

Error forbidden_operation() {
  return failure(ErrorCode::kForbidden, "The caller has no right to this operation.");
}

// Without token verification every caller is the platform itself.
Caller platform() {
  ChangeOrigin origin;
  origin.actor_id = "system";
  origin.actor_type = "system";
  return {.access = auth::unbounded_access(), .origin = std::move(origin)};
}

// Whoever calls what everybody may call: nobody's data is theirs.
Caller anybody() {
  return {.access = {.tenants = TenantScope::of({}, {})}, .origin = {}};
}

ChangeOrigin origin_of(const auth::Principal& principal) {
  ChangeOrigin origin;
  origin.actor_id = principal.id;
  origin.actor_name = principal.name;
  origin.actor_type = principal.is_service ? "service" : "user";
  return origin;
}

ChangeOrigin origin_of(const ApiKey& key) {
  ChangeOrigin origin;
  origin.actor_id = key.id.to_string();
  origin.actor_name = key.name;
  origin.actor_type = "service";
  return origin;
}

}  // namespace

Gate::Tokens::Tokens(const TokenConfig& config, const Clock& clock)
    : keys(config.key_file, config.issuer),
      authenticator(keys, {.issuer = config.issuer, .audience = config.audience}, clock),
      renewal(keys, [file = config.key_file] { auth::ask_for_new_keys(file); }, {}) {}

Gate::Gate(const http::Operation& operation, const TokenConfig& config, KeyVerifier& keys,
           const Clock& clock)
    : rights_(operation.rights), keys_(keys) {
  if (!config.issuer.empty()) tokens_ = std::make_unique<Tokens>(config, clock);
}

bool Gate::is_ready() {
  return !tokens_ || tokens_->keys.current().keys != nullptr;
}

Result<Caller> Gate::admit(const http::Request& request, std::string& principal) {
  if (!tokens_) {
    Caller caller = platform();
    principal = *caller.origin.actor_id;
    return caller;
  }
  if (rights_.everybody) return anybody();
  const auth::Credentials credentials = auth::read_credentials(request.authorization);
  switch (credentials.kind) {
    case auth::CredentialKind::kNone:
      return fail(unauthenticated("This operation needs an access token."));
    case auth::CredentialKind::kUnreadable:
      return fail(unauthenticated("The Authorization header holds neither a token nor a key."));
    case auth::CredentialKind::kToken:
      return admit_token(credentials.text, principal);
    case auth::CredentialKind::kApiKey:
      return admit_key(credentials.text, principal);
  }
  throw std::logic_error("credentials of an unknown kind");
}

Result<Caller> Gate::admit_token(std::string_view token, std::string& principal) {
  const auth::Authentication found = authenticate(token);
  switch (found.verdict) {
    case auth::TokenVerdict::kNoKeys:
      return fail(unavailable("Tokens cannot be verified yet; try again.",
                              "there are no keys of the issuer: is jwks_sync running?"));
    case auth::TokenVerdict::kUnknownKey:
    case auth::TokenVerdict::kRefused:
      return fail(unauthenticated(std::string(found.reason)));
    case auth::TokenVerdict::kVerified:
      break;
  }
  principal = found.principal->id;
  auto access = auth::access_of(*found.principal, rights_);
  if (!access) return fail(forbidden_operation());
  return Caller{.access = std::move(*access), .origin = origin_of(*found.principal)};
}

// Where the token's key is not known, or no key is, the issuer may have a new one.
auth::Authentication Gate::authenticate(std::string_view token) {
  auth::Authentication found = tokens_->authenticator.authenticate(token);
  const bool is_new_key_wanted = found.verdict == auth::TokenVerdict::kUnknownKey ||
                                 found.verdict == auth::TokenVerdict::kNoKeys;
  if (is_new_key_wanted && tokens_->renewal.has_newer(found.generation, before_wait_)) {
    found = tokens_->authenticator.authenticate(token);
  }
  return found;
}

Result<Caller> Gate::admit_key(std::string_view text, std::string& principal) {
  if (rights_.api_key_scope.empty()) {
    return fail(unauthenticated("This operation takes no API key."));
  }
  const auto secret = crypto::ApiKeySecret::parse(text);
  if (!secret) return fail(unauthenticated("This is no API key."));
  const auto found = keys_.verify(*secret, std::nullopt, {std::string(rights_.api_key_scope)});
  if (!found) return fail(found.error());
  if (found->id) principal = found->id->to_string();
  if (found->verdict == KeyVerdict::kInsufficientScope) {
    return fail(failure(ErrorCode::kForbidden,
                        "The API key lacks the scope " + std::string(rights_.api_key_scope) + "."));
  }
  if (!found->candidate) return fail(unauthenticated("The API key is not valid."));
  const ApiKey& key = found->candidate->key;
  return Caller{.access = auth::access_of(key), .origin = origin_of(key)};
}

std::string challenge(const http::Request& request, const Error& error) {
  std::string value = R"(Bearer realm="tenant-registry")";
  if (request.authorization.empty()) return value;
  return value.append(R"(, error="invalid_token", error_description=")")
      .append(error.detail)
      .append("\"");
}

}  // namespace registry
