#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "common/auth/claims.h"
#include "common/auth/key_file.h"
#include "common/auth/principal.h"
#include "common/base/bounded_memory.h"
#include "common/base/time.h"
#include "common/crypto/proof_digest.h"

namespace registry::auth {

enum class TokenVerdict : std::uint8_t {
  kVerified,
  kRefused,
  kUnknownKey,  // refused, unless the issuer has a key that is not in the set yet
  kNoKeys,      // nobody can say: there has been no set of keys yet
};

// What comes of a token.
struct Authentication {
  TokenVerdict verdict = TokenVerdict::kRefused;
  std::shared_ptr<const Principal> principal = nullptr;  // of kVerified
  std::string_view reason = {};  // why not, as a sentence; it repeats nothing of the token
  std::uint64_t generation = 0;  // of the keys it was held against
};

// Verifies tokens, and remembers those that it has verified until they expire or the keys change.
// It keeps no token, but a digest of each with a secret of this process. Thread-safe.
class Authenticator {
 public:
  static constexpr std::size_t kRememberedTokens = 4'096;  // some 500 bytes each

  // All must outlive the authenticator.
  Authenticator(KeyFile& keys, TokenPolicy policy, const Clock& clock)
      : keys_(keys), policy_(std::move(policy)), clock_(clock) {}

  [[nodiscard]] Authentication authenticate(std::string_view token);

 private:
  using Memory = BoundedMemory<crypto::ProofDigest, std::shared_ptr<const Principal>, Timestamp,
                               crypto::ProofDigest::Hash>;

  [[nodiscard]] std::shared_ptr<const Principal> recall(const crypto::ProofDigest& digest,
                                                        std::uint64_t generation, Timestamp now);
  void remember(const crypto::ProofDigest& digest, std::uint64_t generation,
                const std::shared_ptr<const Principal>& principal, Timestamp end);

  KeyFile& keys_;
  const TokenPolicy policy_;
  const Clock& clock_;
  const crypto::ProofDigester digester_;
  std::mutex mutex_;              // guards what follows
  std::uint64_t generation_ = 0;  // of the keys that verified what is remembered
  Memory memory_{kRememberedTokens};
};

}  // namespace registry::auth
