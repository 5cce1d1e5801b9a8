#include "common/app/key_verifier.h"

#include <utility>

namespace registry {

Parsed<crypto::ApiKeySecret> parse_api_key(std::string_view text) {
  auto secret = crypto::ApiKeySecret::parse(text);
  if (!secret) return tl::unexpected<std::string>("must be an API key");
  return *secret;
}

VerifiedKey KeyVerifier::verify(const crypto::ApiKeySecret& secret,
                                const std::optional<ProductId>& product, const Scopes& scopes) {
  for (ApiKeyCandidate& candidate : store_.api_keys_by_prefix(secret.prefix(), product)) {
    if (!is_match(secret, candidate)) continue;
    const KeyVerdict verdict = verdict_on(candidate, product, scopes);
    if (verdict != KeyVerdict::kValid) return {.verdict = verdict};
    return {.verdict = verdict, .candidate = std::move(candidate)};
  }
  return {.verdict = KeyVerdict::kNotFound};
}

bool KeyVerifier::is_match(const crypto::ApiKeySecret& secret, const ApiKeyCandidate& candidate) {
  const crypto::KeyMatch match = crypto::verify_api_key(secret, candidate.hash);
  if (match == crypto::KeyMatch::kUnknownFormat && !has_logged_format_.exchange(true)) {
    log_.message(LogLevel::kWarn, "the stored hash of key " + candidate.key.id.to_string() +
                                      " is in an unknown format; it matches nothing");
  }
  return match == crypto::KeyMatch::kMatch;
}

}  // namespace registry
