#include "common/app/key_use_recorder.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/wait.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/unasked_store.h"

namespace registry {
namespace {

Uuid key_number(int number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[14] = static_cast<std::uint8_t>(number >> 8);
  bytes[15] = static_cast<std::uint8_t>(number);
  return Uuid::from_bytes(bytes);
}

// Keeps what it is told.
class UseStore final : public test::UnaskedStore {
 public:
  std::size_t note_key_uses(std::span<const KeyUse> uses) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (is_away_) throw StoreUnavailable("away");
    largest_ = std::max(largest_, uses.size());
    for (const KeyUse& use : uses) written_[use.key_id] = use.used_at;
    return uses.size();
  }

  void be_away(bool is_away) {
    const std::lock_guard lock(mutex_);
    is_away_ = is_away;
  }
  [[nodiscard]] int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  [[nodiscard]] std::size_t largest() const {
    const std::lock_guard lock(mutex_);
    return largest_;
  }
  [[nodiscard]] std::map<Uuid, Timestamp> written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  mutable std::mutex mutex_;
  bool is_away_ = false;
  int calls_ = 0;
  std::size_t largest_ = 0;
  std::map<Uuid, Timestamp> written_;
};

constexpr std::chrono::milliseconds kSoon{1};
constexpr std::chrono::hours kNever{1'000};
constexpr std::int64_t kMinuteUs = 60'000'000;

class KeyUseRecorderTest {
 protected:
  void use(std::chrono::milliseconds interval) {
    recorder_ = std::make_unique<KeyUseRecorder>(store_, log_, interval);
  }

  void note(int number, std::int64_t now_us, std::optional<Timestamp> last = {}) {
    recorder_->note({.key = {.id = key_number(number),
                             .tenant_id = key_number(0),
                             .product = {},
                             .name = "ci",
                             .scopes = {},
                             .prefix = {},
                             .created_by = {},
                             .last_used_at = last,
                             .revoked_at = {},
                             .created_at = {}},
                     .hash = {},
                     .tenant_slug = {},
                     .entitlement = {},
                     .read_at = {now_us}});
  }

  test::FakeClock clock_{{0}};
  test::CapturedLog captured_;
  Log log_{LogLevel::kInfo, "op", clock_, captured_.fd()};
  UseStore store_;
  std::unique_ptr<KeyUseRecorder> recorder_;
};

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: writes in the background") {
  use(kSoon);
  note(1, 5);
  test::wait_until("the write", [&] { return store_.written().size() == 1; });
  CHECK(store_.written().at(key_number(1)) == Timestamp{5});
  note(2, 6);
  test::wait_until("the next", [&] { return store_.written().size() == 2; });
}

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: its end writes what waits") {
  use(kNever);
  note(1, 5);
  note(2, 6);
  note(1, 7);
  CHECK(store_.calls() == 0);
  recorder_.reset();
  CHECK(store_.calls() == 1);
  CHECK(store_.written() == std::map<Uuid, Timestamp>{{key_number(1), {5}}, {key_number(2), {6}}});
}

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: nothing to do within a minute, or unasked") {
  use(kNever);
  note(1, 10 * kMinuteUs, Timestamp{9 * kMinuteUs + 1});
  note(2, 10 * kMinuteUs, Timestamp{11 * kMinuteUs});
  recorder_.reset();
  CHECK(store_.calls() == 0);
  use(kNever);
  note(1, 10 * kMinuteUs, Timestamp{9 * kMinuteUs});
  recorder_.reset();
  CHECK(store_.written().size() == 1);
}

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: writes many in batches") {
  use(kNever);
  constexpr int kKeys = 2'500;
  for (int i = 0; i < kKeys; ++i) note(i, 5);
  recorder_.reset();
  CHECK(store_.written().size() == kKeys);
  CHECK(store_.largest() == KeyUseRecorder::kBatch);
  CHECK(store_.calls() == 3);
}

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: an outage delays, and is logged once") {
  store_.be_away(true);
  use(kSoon);
  note(1, 5);
  test::wait_until("some tries", [&] { return store_.calls() >= 3; });
  CHECK(recorder_->counts().failures >= 2);
  note(1, 6);
  store_.be_away(false);
  test::wait_until("the write", [&] { return store_.written().size() == 1; });
  // The earlier of the two: a key is noted once a minute anyway.
  CHECK(store_.written().at(key_number(1)) == Timestamp{5});
  CHECK(captured_.lines().size() == 1);
  CHECK(captured_.lines().at(0).at("level") == "warn");
}

TEST_CASE_METHOD(KeyUseRecorderTest, "KeyUseRecorder: drops what is too much, and counts it") {
  store_.be_away(true);
  use(kNever);
  for (std::size_t i = 0; i < KeyUseRecorder::kWaitingLimit + 7; ++i) note(static_cast<int>(i), 5);
  CHECK(recorder_->counts().dropped == 7);
  recorder_.reset();
  CHECK(store_.calls() == 1);
}

}  // namespace
}  // namespace registry
