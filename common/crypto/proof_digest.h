#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/crypto/api_key.h"
#include "common/domain/uuid.h"

namespace registry::crypto {

// 32 bytes that stand for "this plaintext, held against this stored hash of this key", or for a
// token.
class ProofDigest {
 public:
  static constexpr std::size_t kBytes = 32;

  // Compared in constant time.
  [[nodiscard]] bool operator==(const ProofDigest& other) const noexcept;

  // For containers. The bytes depend on a secret, so nobody can choose where they go.
  struct Hash {
    [[nodiscard]] std::size_t operator()(const ProofDigest& digest) const noexcept;
  };

 private:
  friend class ProofDigester;
  std::array<unsigned char, kBytes> bytes_{};
};

// Computes them with a random secret of its own (BLAKE2b, keyed), so they say nothing about a
// plaintext to whoever reads them, and nothing at all to another process. The secret is locked in
// memory, kept out of core dumps, and wiped at the end, where the system allows. Thread-safe.
class ProofDigester {
 public:
  // Throws std::runtime_error when there is no random source or no memory.
  ProofDigester();
  ProofDigester(const ProofDigester&) = delete;
  ProofDigester& operator=(const ProofDigester&) = delete;
  ~ProofDigester();

  [[nodiscard]] ProofDigest digest(const Uuid& key_id, const ApiKeySecret& secret,
                                   std::string_view stored_hash) const;
  // Of any text; for a digester that makes no others.
  [[nodiscard]] ProofDigest digest(std::string_view text) const;

 private:
  unsigned char* secret_;
};

}  // namespace registry::crypto
