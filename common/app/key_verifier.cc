#include "common/app/key_verifier.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>

#include "common/app/measured_store.h"

namespace registry {
namespace {

// Longer than for a proof: a person waits for a new key, and one takes as long as ever.
constexpr std::chrono::milliseconds kHashPatience{5'000};

Error too_many_proofs() {
  return failure(ErrorCode::kUnavailable, "Too many unknown keys are being checked; try again.");
}

}  // namespace

Parsed<crypto::ApiKeySecret> parse_api_key(std::string_view text) {
  auto secret = crypto::ApiKeySecret::parse(text);
  if (!secret) return tl::unexpected<std::string>("must be an API key");
  return *secret;
}

Result<VerifiedKey> KeyVerifier::verify(const crypto::ApiKeySecret& secret,
                                        const std::optional<ProductId>& product,
                                        const Scopes& scopes) {
  auto candidates = store_.api_keys_by_prefix(secret.prefix(), product);
  const auto match = find_match(secret, candidates);
  if (!match) return fail(match.error());
  if (*match == candidates.end()) return VerifiedKey{.verdict = KeyVerdict::kNotFound};
  ApiKeyCandidate& candidate = **match;
  const KeyVerdict verdict = verdict_on(candidate, product, scopes);
  const Uuid id = candidate.key.id;
  MeasuredStore::note_tenant(candidate.key.tenant_id);
  if (verdict != KeyVerdict::kValid) return VerifiedKey{.verdict = verdict, .id = id};
  uses_.note(candidate);
  return VerifiedKey{.verdict = verdict, .candidate = std::move(candidate), .id = id};
}

Result<std::string> KeyVerifier::hash(const crypto::ApiKeySecret& secret) {
  // Owned by both sides, since this one may give up first. Then nobody wants the hash any more.
  const auto is_wanted = std::make_shared<std::atomic<bool>>(true);
  const auto hashing = std::make_shared<std::packaged_task<std::string()>>(
      [secret, is_wanted] { return *is_wanted ? crypto::hash_api_key(secret) : std::string(); });
  auto hashed = hashing->get_future();
  const Uuid lane = Uuid::from_bytes({});  // of all new keys
  if (!queue_.try_add(lane, [hashing] { (*hashing)(); })) return fail(too_many_proofs());
  before_wait_();
  metrics_.enter_argon2_queue();
  const bool is_hashed = hashed.wait_for(kHashPatience) == std::future_status::ready;
  metrics_.leave_argon2_queue();
  if (!is_hashed) {
    *is_wanted = false;
    return fail(too_many_proofs());
  }
  return hashed.get();
}

std::string KeyVerifier::summary() const {
  const KeyProverCounts proofs = proof_counts();
  const KeyUseCounts uses = use_counts();
  if (proofs == KeyProverCounts{} && uses == KeyUseCounts{}) return {};
  const auto part = [](const char* name, std::uint64_t count) {
    return std::string(name) + " " + std::to_string(count);
  };
  return "keys: " + part("remembered", proofs.matches_remembered) +
         part(", remembered as wrong", proofs.mismatches_remembered) +
         part(", proven by argon2", proofs.proofs) + part(", waited along", proofs.joined) +
         part(", refused", proofs.refused) + part(", failed", proofs.failures) +
         part(", last uses written", uses.written) + part(", dropped", uses.dropped);
}

// The end of `candidates` where none matches.
Result<KeyVerifier::Candidates::iterator> KeyVerifier::find_match(
    const crypto::ApiKeySecret& secret, Candidates& candidates) {
  // Those first that cost nothing: a key must not wait for one that has the same prefix.
  const auto proven =
      std::find_if(candidates.begin(), candidates.end(), [&](const ApiKeyCandidate& candidate) {
        return prover_.is_proven(candidate.key.id, secret, candidate.hash);
      });
  if (proven != candidates.end()) return proven;
  for (auto candidate = candidates.begin(); candidate != candidates.end(); ++candidate) {
    switch (prover_.prove(candidate->key.id, secret, candidate->hash, before_wait_)) {
      case KeyProver::Proof::kMatch:
        return candidate;
      case KeyProver::Proof::kNoMatch:
        break;
      case KeyProver::Proof::kUnknownFormat:
        log_format_once(*candidate);
        break;
      case KeyProver::Proof::kBusy:
        return fail(too_many_proofs());
    }
  }
  return candidates.end();
}

void KeyVerifier::log_format_once(const ApiKeyCandidate& candidate) {
  if (has_logged_format_.exchange(true)) return;
  log_.message(LogLevel::kWarn, "the stored hash of key " + candidate.key.id.to_string() +
                                    " is in an unknown format; it matches nothing");
}

}  // namespace registry
