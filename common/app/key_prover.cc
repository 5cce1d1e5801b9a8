#include "common/app/key_prover.h"

#include <exception>
#include <new>

namespace registry {

bool KeyProver::is_proven(const Uuid& key_id, const crypto::ApiKeySecret& secret,
                          std::string_view stored_hash) {
  const crypto::ProofDigest digest = digest_of(key_id, secret, stored_hash);
  const std::lock_guard lock(mutex_);
  if (matches_.find(digest, MemoryClock::now()) == nullptr) return false;
  note(KeyEvent::kMatchRemembered);
  return true;
}

KeyProver::Proof KeyProver::prove(const Uuid& key_id, const crypto::ApiKeySecret& secret,
                                  std::string_view stored_hash,
                                  const std::function<void()>& before_wait) {
  const crypto::ProofDigest digest = digest_of(key_id, secret, stored_hash);
  std::unique_lock lock(mutex_);
  if (const auto known = recall(digest, stored_hash)) return *known;
  if (!enter(key_id, /*is_joining=*/runs_.contains(digest))) {
    note(KeyEvent::kRefused);
    return Proof::kBusy;
  }
  Proof proof = Proof::kBusy;
  if (const auto run = join_or_start(digest, key_id, secret, stored_hash)) {
    ++run->callers;
    lock.unlock();
    before_wait();
    lock.lock();
    const auto is_over = [&] { return run->outcome.has_value(); };
    run->is_done.wait_for(lock, limits_.patience, is_over);
    if (run->has_begun) run->is_done.wait_for(lock, limits_.run_patience, is_over);
    --run->callers;
    proof = run->outcome.value_or(Proof::kBusy);
  }
  if (proof == Proof::kBusy) note(KeyEvent::kRefused);
  leave(key_id);
  return proof;
}

// The caller holds mutex_.
void KeyProver::note(KeyEvent event) {
  metrics_.count_key_event(event);
  switch (event) {
    case KeyEvent::kMatchRemembered:
      ++counts_.matches_remembered;
      return;
    case KeyEvent::kMismatchRemembered:
      ++counts_.mismatches_remembered;
      return;
    case KeyEvent::kProof:
      ++counts_.proofs;
      return;
    case KeyEvent::kJoined:
      ++counts_.joined;
      return;
    case KeyEvent::kRefused:
      ++counts_.refused;
      return;
    case KeyEvent::kFailure:
      ++counts_.failures;
      return;
  }
}

KeyProverCounts KeyProver::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

crypto::ProofDigest KeyProver::digest_of(const Uuid& key_id, const crypto::ApiKeySecret& secret,
                                         std::string_view stored_hash) {
  std::call_once(is_digester_made_,
                 [this] { digester_ = std::make_unique<const crypto::ProofDigester>(); });
  return digester_->digest(key_id, secret, stored_hash);
}

// The caller holds mutex_.
std::optional<KeyProver::Proof> KeyProver::recall(const crypto::ProofDigest& digest,
                                                  std::string_view stored_hash) {
  const auto now = MemoryClock::now();
  if (matches_.find(digest, now) != nullptr) {
    note(KeyEvent::kMatchRemembered);
    return Proof::kMatch;
  }
  if (mismatches_.find(digest, now) != nullptr) {
    note(KeyEvent::kMismatchRemembered);
    return Proof::kNoMatch;
  }
  if (!crypto::is_readable_hash(stored_hash)) return Proof::kUnknownFormat;
  return std::nullopt;
}

// Takes a caller in, if there is room for it. The caller holds mutex_.
bool KeyProver::enter(const Uuid& key_id, bool is_joining) {
  if (callers_ >= limits_.callers) return false;
  std::size_t& of_key = callers_of_key_[key_id];
  if (of_key >= limits_.callers_of_key && !is_joining) return false;
  ++of_key;
  ++callers_;
  metrics_.enter_argon2_queue();
  return true;
}

// The caller holds mutex_.
void KeyProver::leave(const Uuid& key_id) {
  --callers_;
  metrics_.leave_argon2_queue();
  const auto of_key = callers_of_key_.find(key_id);
  if (--of_key->second == 0) callers_of_key_.erase(of_key);
}

// The run for this digest that is under way, or a new one; null where there is no thread or memory
// for it. The caller holds mutex_.
std::shared_ptr<KeyProver::Run> KeyProver::join_or_start(const crypto::ProofDigest& digest,
                                                         const Uuid& key_id,
                                                         const crypto::ApiKeySecret& secret,
                                                         std::string_view stored_hash) {
  if (const auto found = runs_.find(digest); found != runs_.end()) {
    note(KeyEvent::kJoined);
    return found->second;
  }
  try {
    auto run = std::make_shared<Run>(secret, stored_hash);
    runs_.emplace(digest, run);
    if (queue_.try_add(key_id, [this, digest, run] { carry_out(digest, *run); })) return run;
  } catch (const std::bad_alloc&) {
  }
  runs_.erase(digest);
  return nullptr;
}

// In a thread of the queue.
void KeyProver::carry_out(const crypto::ProofDigest& digest, Run& run) {
  {
    // Everybody has left, so nobody wants to know any more.
    const std::lock_guard lock(mutex_);
    if (run.callers == 0) return end(digest, run, std::nullopt);
    run.has_begun = true;
    note(KeyEvent::kProof);
  }
  std::optional<crypto::KeyMatch> match;
  try {
    match = check_(run.secret, run.stored_hash);
  } catch (const std::exception&) {
    // No memory for it. Its callers are told to try again.
  }
  const std::lock_guard lock(mutex_);
  if (!match) note(KeyEvent::kFailure);
  end(digest, run, match);
}

// The caller holds mutex_.
void KeyProver::end(const crypto::ProofDigest& digest, Run& run,
                    std::optional<crypto::KeyMatch> match) {
  run.outcome = Proof::kBusy;
  if (match == crypto::KeyMatch::kMatch) {
    run.outcome = Proof::kMatch;
    remember(matches_, digest, limits_.match_lifetime);
  } else if (match) {
    run.outcome = Proof::kNoMatch;
    remember(mismatches_, digest, limits_.mismatch_lifetime);
  }
  runs_.erase(digest);
  run.is_done.notify_all();
}

// Without memory for it, the next caller spends argon2 again.
void KeyProver::remember(DigestMemory& memory, const crypto::ProofDigest& digest,
                         MemoryClock::duration lifetime) noexcept {
  try {
    memory.add(digest, {}, MemoryClock::now() + lifetime);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace registry
