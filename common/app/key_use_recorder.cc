#include "common/app/key_use_recorder.h"

#include <exception>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace registry {
namespace {

bool is_due(const ApiKeyCandidate& candidate) {
  constexpr std::int64_t kResolutionUs =
      std::chrono::duration_cast<std::chrono::microseconds>(kKeyUseResolution).count();
  const auto& last = candidate.key.last_used_at;
  return !last || last->unix_us <= candidate.read_at.unix_us - kResolutionUs;
}

}  // namespace

KeyUseRecorder::~KeyUseRecorder() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void KeyUseRecorder::note(const ApiKeyCandidate& candidate) noexcept {
  if (!is_due(candidate)) return;
  const std::lock_guard lock(mutex_);
  try {
    keep(candidate);
  } catch (const std::exception&) {
    // No memory, or no thread. The next use of the key is noted as well.
    ++counts_.dropped;
  }
}

// The caller holds mutex_.
void KeyUseRecorder::keep(const ApiKeyCandidate& candidate) {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  if (waiting_.size() >= kWaitingLimit) {
    ++counts_.dropped;
    return;
  }
  const bool is_first = waiting_.empty();
  waiting_.try_emplace(candidate.key.id, candidate.read_at);
  if (is_first) changed_.notify_all();
}

KeyUseCounts KeyUseRecorder::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void KeyUseRecorder::run() {
  std::unique_lock lock(mutex_);
  for (bool is_last = false; !is_last;) {
    changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    // More keys are used meanwhile, and are written along.
    changed_.wait_for(lock, interval_, [this] { return is_ending_; });
    is_last = is_ending_;
    Uses uses = std::exchange(waiting_, {});
    lock.unlock();
    write_or_keep(std::move(uses));
    lock.lock();
  }
}

// What is not written waits for the next time, beside what was noted since.
void KeyUseRecorder::write_or_keep(Uses uses) noexcept {
  try {
    write(uses);
  } catch (const std::exception&) {
    // No memory for it.
  }
  const std::lock_guard lock(mutex_);
  waiting_.merge(uses);
  while (waiting_.size() > kWaitingLimit) {
    waiting_.erase(std::prev(waiting_.end()));
    ++counts_.dropped;
  }
}

// Takes out of `uses` what it has written.
void KeyUseRecorder::write(Uses& uses) {
  while (!uses.empty()) {
    std::vector<KeyUse> batch;
    for (const auto& [id, moment] : uses) {
      if (batch.size() == kBatch) break;
      batch.push_back({.key_id = id, .used_at = moment});
    }
    if (!write_batch(batch)) return;
    for (const KeyUse& use : batch) uses.erase(use.key_id);
  }
}

bool KeyUseRecorder::write_batch(const std::vector<KeyUse>& batch) {
  try {
    const std::size_t moved = store_.note_key_uses(batch);
    is_failing_ = false;
    const std::lock_guard lock(mutex_);
    counts_.written += moved;
    return true;
  } catch (const std::exception& error) {
    if (!std::exchange(is_failing_, true)) {
      log_.message(LogLevel::kWarn, std::string("last_used_at is not written: ") + error.what());
    }
    const std::lock_guard lock(mutex_);
    ++counts_.failures;
    return false;
  }
}

}  // namespace registry
