#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.h"
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
};

// Thread-safe; one for the process.
class KeyVerifier {
 public:
  // Both must outlive the verifier.
  KeyVerifier(Store& store, const Log& log) : store_(store), log_(log) {}

  // Finds the key that `secret` is, as committed now, and what it may do: see verdict_on().
  // kNotFound also where the stored hash is in a format that this program does not know, which is
  // logged once. Throws StoreUnavailable.
  [[nodiscard]] VerifiedKey verify(const crypto::ApiKeySecret& secret,
                                   const std::optional<ProductId>& product, const Scopes& scopes);

 private:
  [[nodiscard]] bool is_match(const crypto::ApiKeySecret& secret, const ApiKeyCandidate& candidate);

  Store& store_;
  const Log& log_;
  std::atomic<bool> has_logged_format_ = false;
};

}  // namespace registry
