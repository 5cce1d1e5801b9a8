#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/app/argon2_queue.h"
#include "common/app/key_prover.h"
#include "common/app/key_use_recorder.h"
#include "common/app/metrics.h"
#include "common/base/log.h"
#include "common/base/result.h"
#include "common/crypto/api_key.h"
#include "common/domain/api_key.h"
#include "common/store/store.h"

namespace registry {

// For BodyReader: the plaintext of a key.
[[nodiscard]] Parsed<crypto::ApiKeySecret> parse_api_key(std::string_view text);

// What a presented plaintext is worth.
struct VerifiedKey {
  KeyVerdict verdict = KeyVerdict::kNotFound;
  std::optional<ApiKeyCandidate> candidate = {};  // of kValid alone
  std::optional<Uuid> id = {};                    // of a key that exists, whatever it is worth
};

// Everything that a function does with the plaintext of a key. Thread-safe; one for the process.
class KeyVerifier {
 public:
  // All must outlive the verifier.
  KeyVerifier(ApiKeyStore& store, const Log& log, const Metrics& metrics)
      : store_(store),
        log_(log),
        metrics_(metrics),
        prover_(queue_, KeyProverLimits{}, metrics),
        uses_(store, log) {}

  // Is called in the thread of a caller that is about to wait for argon2. Set before the first call
  // of what follows.
  void on_wait(std::function<void()> before_wait) { before_wait_ = std::move(before_wait); }

  // Finds the key that `secret` is, as committed now, and what it may do: see verdict_on(). A key
  // that has proven itself before costs a look into the store; another one waits its turn for
  // argon2. A valid key's last_used_at moves soon after.
  // kNotFound also where the stored hash is in a format that this program does not know, which is
  // logged once. Errors: kUnavailable (too many other keys are being proven; nothing is known of
  // this one). Throws StoreUnavailable.
  [[nodiscard]] Result<VerifiedKey> verify(const crypto::ApiKeySecret& secret,
                                           const std::optional<ProductId>& product,
                                           const Scopes& scopes);

  // What is to be stored of a new key: see crypto::hash_api_key(), which waits its turn here.
  // Errors: kUnavailable (too many before it).
  [[nodiscard]] Result<std::string> hash(const crypto::ApiKeySecret& secret);

  // What was done so far, in a line for the log; empty if nothing.
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] KeyProverCounts proof_counts() const { return prover_.counts(); }
  [[nodiscard]] KeyUseCounts use_counts() const { return uses_.counts(); }

 private:
  using Candidates = std::vector<ApiKeyCandidate>;

  [[nodiscard]] Result<Candidates::iterator> find_match(const crypto::ApiKeySecret& secret,
                                                        Candidates& candidates);
  void log_format_once(const ApiKeyCandidate& candidate);

  ApiKeyStore& store_;
  const Log& log_;
  const Metrics& metrics_;
  std::function<void()> before_wait_ = [] {};
  std::atomic<bool> has_logged_format_ = false;
  KeyProver prover_;
  KeyUseRecorder uses_;
  // Ends before the prover, into which its threads call.
  // Runs that nobody wants any more keep their places until it is their turn, hence twice as many.
  Argon2Queue queue_{
      {.threads = Argon2Queue::core_count(), .waiting = 2 * KeyProverLimits{}.callers}};
};

}  // namespace registry
