#include "common/app/digest_memory.h"

#include <iterator>

namespace registry {

void DigestMemory::add(const crypto::ProofDigest& digest, Clock::time_point now) {
  if (const auto known = places_.find(digest); known != places_.end()) forget(known->second);
  if (places_.size() >= limit_) forget(std::prev(entries_.end()));
  entries_.push_front({.digest = digest, .end = now + lifetime_});
  places_.emplace(digest, entries_.begin());
}

bool DigestMemory::has(const crypto::ProofDigest& digest, Clock::time_point now) {
  const auto known = places_.find(digest);
  if (known == places_.end()) return false;
  if (known->second->end <= now) {
    forget(known->second);
    return false;
  }
  entries_.splice(entries_.begin(), entries_, known->second);
  return true;
}

void DigestMemory::forget(Entries::iterator entry) {
  places_.erase(entry->digest);
  entries_.erase(entry);
}

}  // namespace registry
