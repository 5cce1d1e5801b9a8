#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <unordered_map>

#include "common/crypto/proof_digest.h"

namespace registry {

// Remembers digests: a bounded number of them, each for a bounded time. The one that was not asked
// for longest goes first. For one thread at a time.
class DigestMemory {
 public:
  using Clock = std::chrono::steady_clock;

  // `limit` is at least 1; a digest counts until `lifetime` after it was added.
  DigestMemory(std::size_t limit, Clock::duration lifetime) : limit_(limit), lifetime_(lifetime) {}
  DigestMemory(const DigestMemory&) = delete;
  DigestMemory& operator=(const DigestMemory&) = delete;

  void add(const crypto::ProofDigest& digest, Clock::time_point now);
  [[nodiscard]] bool has(const crypto::ProofDigest& digest, Clock::time_point now);
  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Entry {
    crypto::ProofDigest digest;
    Clock::time_point end;
  };
  using Entries = std::list<Entry>;

  void forget(Entries::iterator entry);

  const std::size_t limit_;
  const Clock::duration lifetime_;
  Entries entries_;  // the one that was used last comes first
  std::unordered_map<crypto::ProofDigest, Entries::iterator, crypto::ProofDigest::Hash> places_;
};

}  // namespace registry
