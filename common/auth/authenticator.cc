#include "common/auth/authenticator.h"

#include <stdexcept>
#include <utility>

#include "common/auth/jws.h"

namespace registry::auth {
namespace {

std::string_view reason_of(JwsFault fault) {
  switch (fault) {
    case JwsFault::kMalformed:
      return "This is no signed token.";
    case JwsFault::kUnsupportedAlgorithm:
      return "The token is signed with an algorithm that is not taken.";
    case JwsFault::kForbiddenHeader:
      return "The token has a header that is not taken.";
    case JwsFault::kUnknownKey:
      return "The token is signed with a key that the issuer does not publish.";
    case JwsFault::kBadSignature:
      return "The token's signature is not valid.";
  }
  throw std::logic_error("an unknown fault of a token");
}

}  // namespace

Authentication Authenticator::authenticate(std::string_view token) {
  const auto [keys, generation] = keys_.current();
  if (!keys) return {.verdict = TokenVerdict::kNoKeys, .generation = generation};
  const auto refused = [generation = generation](std::string_view reason) {
    return Authentication{.reason = reason, .generation = generation};
  };
  // What is longer is refused anyway, and not worth a digest.
  if (token.size() > kTokenLimitBytes) return refused(reason_of(JwsFault::kMalformed));
  const Timestamp now = clock_.now();
  const crypto::ProofDigest digest = digester_.digest(token);
  if (auto known = recall(digest, generation, now)) {
    return {.verdict = TokenVerdict::kVerified,
            .principal = std::move(known),
            .generation = generation};
  }
  const auto payload = verify_jws(token, *keys);
  if (!payload) {
    Authentication found = refused(reason_of(payload.error()));
    if (payload.error() == JwsFault::kUnknownKey) found.verdict = TokenVerdict::kUnknownKey;
    return found;
  }
  const auto claims = read_claims(*payload, policy_, now);
  if (!claims) return refused(claims.error());
  auto principal = std::make_shared<const Principal>(principal_of(*claims));
  remember(digest, generation, principal, claims->end);
  return {.verdict = TokenVerdict::kVerified,
          .principal = std::move(principal),
          .generation = generation};
}

std::shared_ptr<const Principal> Authenticator::recall(const crypto::ProofDigest& digest,
                                                       std::uint64_t generation, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (generation != generation_) return nullptr;
  const auto* known = memory_.find(digest, now);
  return known == nullptr ? nullptr : *known;
}

// What keys of another set have verified is forgotten: the issuer may have withdrawn them.
void Authenticator::remember(const crypto::ProofDigest& digest, std::uint64_t generation,
                             const std::shared_ptr<const Principal>& principal, Timestamp end) {
  const std::lock_guard lock(mutex_);
  if (generation < generation_) return;
  if (generation > generation_) memory_.clear();
  generation_ = generation;
  memory_.add(digest, principal, end);
}

}  // namespace registry::auth
