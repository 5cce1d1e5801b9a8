#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "common/app/argon2_queue.h"
#include "common/app/metrics.h"
#include "common/base/bounded_memory.h"
#include "common/crypto/api_key.h"
#include "common/crypto/proof_digest.h"
#include "common/domain/uuid.h"

namespace registry {

struct KeyProverLimits {
  // Callers that wait for a proof, and how many of them for one key before none of its plaintexts
  // gets a run of its own: whoever guesses at one leaves room for the others. Each has a thread and
  // a connection of nginx.
  std::size_t callers = 192;
  std::size_t callers_of_key = 128;
  // The longest wait for a proof to begin. Who is to be sent away is kept until then, too: one who
  // guesses without a pause would else take most of the requests that the process can answer.
  std::chrono::milliseconds patience{1'000};
  // How much longer to wait for one that has begun by then.
  std::chrono::milliseconds run_patience{5'000};
  // About 100 bytes each.
  std::size_t remembered_matches = 65'536;
  std::size_t remembered_mismatches = 4'096;
  // A match holds as long as the stored hash is the same, so this bounds nothing but how long the
  // digest of a key that nobody uses is kept.
  std::chrono::hours match_lifetime{24};
  std::chrono::seconds mismatch_lifetime{60};
};

// What a prover has done since it was made.
struct KeyProverCounts {
  std::uint64_t matches_remembered = 0;     // proofs that memory gave
  std::uint64_t mismatches_remembered = 0;  // the same for wrong plaintexts
  std::uint64_t proofs = 0;                 // runs of argon2
  std::uint64_t joined = 0;                 // callers that waited for the proof of another one
  std::uint64_t refused = 0;                // callers sent away, for whatever limit or failure
  std::uint64_t failures = 0;               // runs that could not be done: no memory, say

  bool operator==(const KeyProverCounts&) const = default;
};

// Tells whether a plaintext belongs to a stored hash, and spends argon2 on each pair of them only
// once: it remembers digests of those that matched, and for a short time of those that did not.
// Nothing but the digests, which a secret of this process makes, is kept.
//
// What it remembers is bound to the key's row and its stored hash. Whoever asks has just read both,
// so a changed hash counts at once. Thread-safe.
class KeyProver {
 public:
  // What argon2 decides; tests put something slower or faster in its place. Must be thread-safe.
  using Check = std::function<crypto::KeyMatch(const crypto::ApiKeySecret&, std::string_view)>;

  enum class Proof {
    kMatch,
    kNoMatch,
    kUnknownFormat,  // of the stored hash; costs nothing
    kBusy,           // nobody knows: too many proofs at once, or a failure of argon2
  };

  // `queue` must outlive the prover's last call, and end before the prover does; `metrics` must
  // outlive it.
  KeyProver(Argon2Queue& queue, const KeyProverLimits& limits, const Metrics& metrics,
            Check check = crypto::verify_api_key)
      : queue_(queue),
        limits_(limits),
        metrics_(metrics),
        check_(std::move(check)),
        matches_(limits.remembered_matches),
        mismatches_(limits.remembered_mismatches) {}

  // Whether the pair is known to match. Never waits for argon2.
  [[nodiscard]] bool is_proven(const Uuid& key_id, const crypto::ApiKeySecret& secret,
                               std::string_view stored_hash);

  // Callers that ask for the same pair at once share one run. `before_wait` is called before the
  // calling thread waits for one.
  [[nodiscard]] Proof prove(const Uuid& key_id, const crypto::ApiKeySecret& secret,
                            std::string_view stored_hash, const std::function<void()>& before_wait);

  [[nodiscard]] KeyProverCounts counts() const;

 private:
  struct Run {
    Run(const crypto::ApiKeySecret& key, std::string_view hash) : secret(key), stored_hash(hash) {}

    const crypto::ApiKeySecret secret;
    const std::string stored_hash;
    std::condition_variable is_done;
    std::size_t callers = 0;  // that wait; guarded by the prover's mutex, like the outcome
    bool has_begun = false;
    std::optional<Proof> outcome;
  };
  using MemoryClock = std::chrono::steady_clock;
  // What is remembered is the digest alone.
  using DigestMemory = BoundedMemory<crypto::ProofDigest, std::monostate, MemoryClock::time_point,
                                     crypto::ProofDigest::Hash>;
  using Runs =
      std::unordered_map<crypto::ProofDigest, std::shared_ptr<Run>, crypto::ProofDigest::Hash>;

  void note(KeyEvent event);
  [[nodiscard]] crypto::ProofDigest digest_of(const Uuid& key_id,
                                              const crypto::ApiKeySecret& secret,
                                              std::string_view stored_hash);
  [[nodiscard]] std::optional<Proof> recall(const crypto::ProofDigest& digest,
                                            std::string_view stored_hash);
  [[nodiscard]] std::shared_ptr<Run> join_or_start(const crypto::ProofDigest& digest,
                                                   const Uuid& key_id,
                                                   const crypto::ApiKeySecret& secret,
                                                   std::string_view stored_hash);
  [[nodiscard]] bool enter(const Uuid& key_id, bool is_joining);
  void leave(const Uuid& key_id);
  void carry_out(const crypto::ProofDigest& digest, Run& run);
  void end(const crypto::ProofDigest& digest, Run& run, std::optional<crypto::KeyMatch> match);
  static void remember(DigestMemory& memory, const crypto::ProofDigest& digest,
                       MemoryClock::duration lifetime) noexcept;

  Argon2Queue& queue_;
  const KeyProverLimits limits_;
  const Metrics& metrics_;
  const Check check_;
  // Made when it is first needed: most functions verify no key.
  std::once_flag is_digester_made_;
  std::unique_ptr<const crypto::ProofDigester> digester_;

  mutable std::mutex mutex_;  // guards what follows
  DigestMemory matches_;
  DigestMemory mismatches_;
  Runs runs_;                                   // queued or under way
  std::size_t callers_ = 0;                     // that wait
  std::map<Uuid, std::size_t> callers_of_key_;  // how many of them, for each key that has some
  KeyProverCounts counts_;
};

}  // namespace registry
