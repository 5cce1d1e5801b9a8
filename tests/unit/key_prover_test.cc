#include "common/app/key_prover.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace registry {
namespace {

using Proof = KeyProver::Proof;

const Uuid kKeyRow = *Uuid::parse("00000000-0000-0000-0000-000000000001");
const Uuid kOtherRow = *Uuid::parse("00000000-0000-0000-0000-000000000002");
// Of the form that is stored, with a salt of its own for each number.
std::string stored_hash(int number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 8 - digits.size(), '0');
  return "argon2id|AAAA" + digits + "AAAA|" + std::string(43, 'A');
}

// A plaintext of its own for each number.
crypto::ApiKeySecret plaintext(int number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 6 - digits.size(), '0');
  return *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBB" + digits + "A");
}

// Stands in for argon2: holds each run until the gate is open. Even plaintexts match.
class Gate {
 public:
  crypto::KeyMatch check(const crypto::ApiKeySecret& secret) {
    std::unique_lock lock(mutex_);
    ++runs_;
    order_ += secret.text().substr(18, 6).back();
    most_at_once_ = std::max(most_at_once_, ++running_);
    changed_.notify_all();
    changed_.wait(lock, [this] { return passes_ > 0; });
    --passes_;
    --running_;
    if (fails_) throw std::bad_alloc();
    const bool is_even = (secret.text()[23] - '0') % 2 == 0;
    return is_even ? crypto::KeyMatch::kMatch : crypto::KeyMatch::kNoMatch;
  }

  void let_pass(int count) {
    const std::lock_guard lock(mutex_);
    passes_ += count;
    changed_.notify_all();
  }
  void fail() {
    const std::lock_guard lock(mutex_);
    fails_ = true;
  }
  [[nodiscard]] int runs() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }
  [[nodiscard]] int most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }
  // The last digit of each plaintext that was checked, in the order of the runs.
  [[nodiscard]] std::string order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int passes_ = 0;
  int runs_ = 0;
  int running_ = 0;
  int most_at_once_ = 0;
  bool fails_ = false;
  std::string order_;
};

constexpr int kOpen = 1'000'000;

class KeyProverTest {
 protected:
  ~KeyProverTest() { gate_.let_pass(kOpen); }

  void use(const KeyProverLimits& limits, std::size_t threads = 1) {
    queue_.emplace(Argon2Queue::Limits{.threads = threads, .waiting = limits.callers});
    prover_ = std::make_unique<KeyProver>(
        *queue_, limits, metrics_,
        [this](const crypto::ApiKeySecret& secret, std::string_view /*hash*/) {
          return gate_.check(secret);
        });
  }

  Proof prove(int number, const Uuid& row = kKeyRow, const std::string& hash = stored_hash(0)) {
    return prover_->prove(row, plaintext(number), hash, [this] { ++waiting_; });
  }

  // Proves in a thread of its own, which waits by the time that this returns.
  void start(int number, const Uuid& row = kKeyRow) {
    const int before = waiting_;
    callers_.emplace_back([this, number, row] {
      const Proof proof = prove(number, row);
      const std::lock_guard lock(mutex_);
      proofs_.push_back(proof);
    });
    test::wait_until("a caller to wait", [&] { return waiting_ == before + 1; });
  }

  // What the started callers were told, in the order in which they were.
  std::vector<Proof> join() {
    for (std::thread& caller : callers_) caller.join();
    callers_.clear();
    return std::exchange(proofs_, {});
  }

  void wait_for_runs(int count) {
    test::wait_until("runs", [&] { return gate_.runs() == count; });
  }

  Gate gate_;
  Metrics metrics_{CounterFile::without_file()};
  std::unique_ptr<KeyProver> prover_;
  // Ends before the prover.
  std::optional<Argon2Queue> queue_;
  std::atomic<int> waiting_ = 0;
  std::vector<std::thread> callers_;
  std::mutex mutex_;
  std::vector<Proof> proofs_;
};

// Nobody who runs the tests waits for it.
constexpr std::chrono::milliseconds kLong{60'000};

TEST_CASE_METHOD(KeyProverTest, "KeyProver: a pair is proven once, right or wrong") {
  use({.patience = kLong});
  gate_.let_pass(kOpen);
  CHECK_FALSE(prover_->is_proven(kKeyRow, plaintext(2), stored_hash(0)));
  for (int i = 0; i < 3; ++i) {
    CHECK(prove(2) == Proof::kMatch);
    CHECK(prove(1) == Proof::kNoMatch);
  }
  CHECK(gate_.runs() == 2);
  CHECK(prover_->is_proven(kKeyRow, plaintext(2), stored_hash(0)));
  CHECK_FALSE(prover_->is_proven(kKeyRow, plaintext(1), stored_hash(0)));
  CHECK(prover_->counts() ==
        KeyProverCounts{.matches_remembered = 3, .mismatches_remembered = 2, .proofs = 2});
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: another stored hash or row is another pair") {
  use({.patience = kLong});
  gate_.let_pass(kOpen);
  CHECK(prove(2) == Proof::kMatch);
  CHECK_FALSE(prover_->is_proven(kKeyRow, plaintext(2), stored_hash(1)));
  CHECK_FALSE(prover_->is_proven(kOtherRow, plaintext(2), stored_hash(0)));
  CHECK(prove(2, kKeyRow, stored_hash(1)) == Proof::kMatch);
  CHECK(prove(2, kOtherRow) == Proof::kMatch);
  CHECK(gate_.runs() == 3);
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: 50 callers with one pair share one run") {
  use({.patience = kLong}, /*threads=*/4);
  for (int i = 0; i < 50; ++i) start(2);
  gate_.let_pass(kOpen);
  CHECK(join() == std::vector<Proof>(50, Proof::kMatch));
  CHECK(gate_.runs() == 1);
  CHECK(prover_->counts() == KeyProverCounts{.proofs = 1, .joined = 49});
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: no more runs at once than the queue has threads") {
  use({.patience = kLong}, /*threads=*/2);
  for (int i = 0; i < 20; ++i) start(i);
  wait_for_runs(2);
  gate_.let_pass(kOpen);
  CHECK(join().size() == 20);
  CHECK(gate_.runs() == 20);
  CHECK(gate_.most_at_once() == 2);
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: callers beyond the limit are sent away at once") {
  use({.callers = 3, .callers_of_key = 2, .patience = kLong});
  start(1);
  start(2);
  CHECK(prove(3) == Proof::kBusy);
  // One who only waits along takes no run from anybody.
  start(2);
  CHECK(prove(2) == Proof::kBusy);
  CHECK(prove(4, kOtherRow) == Proof::kBusy);
  gate_.let_pass(kOpen);
  CHECK(join().size() == 3);
  CHECK(prover_->counts().refused == 3);
  // There is room again.
  CHECK(prove(4) == Proof::kMatch);
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: keys take turns, however many guess at one of them") {
  use({.patience = kLong});
  start(1);
  wait_for_runs(1);
  for (const int guess : {3, 5, 7, 9}) start(guess);
  start(2, kOtherRow);
  gate_.let_pass(kOpen);
  join();
  CHECK(gate_.order() == "132579");
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: a caller waits no longer than the limit") {
  use({.patience = std::chrono::milliseconds(1'000), .run_patience = std::chrono::milliseconds(1)});
  start(2);
  wait_for_runs(1);
  CHECK(prove(4) == Proof::kBusy);
  CHECK(join() == std::vector<Proof>{Proof::kBusy});
  CHECK(prover_->counts().refused == 2);
  gate_.let_pass(kOpen);
  // The run went on and is remembered; the one that had not begun was wanted by nobody.
  test::wait_until("the run",
                   [&] { return prover_->is_proven(kKeyRow, plaintext(2), stored_hash(0)); });
  CHECK(prove(6) == Proof::kMatch);
  CHECK(gate_.order() == "26");
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: a caller waits longer for a run that has begun") {
  use({.patience = std::chrono::milliseconds(1'000), .run_patience = kLong});
  start(2);
  wait_for_runs(1);
  // Began to wait later, so the other one's patience is over, too.
  CHECK(prove(4) == Proof::kBusy);
  gate_.let_pass(kOpen);
  CHECK(join() == std::vector<Proof>{Proof::kMatch});
}

TEST_CASE_METHOD(KeyProverTest,
                 "KeyProver: a run that fails tells nothing, and is not remembered") {
  use({.patience = kLong});
  gate_.fail();
  gate_.let_pass(kOpen);
  CHECK(prove(2) == Proof::kBusy);
  CHECK(prove(2) == Proof::kBusy);
  CHECK(prover_->counts() == KeyProverCounts{.proofs = 2, .refused = 2, .failures = 2});
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: a hash in an unknown format costs nothing") {
  use({.patience = kLong});
  CHECK(prove(2, kKeyRow, "bcrypt|x|y") == Proof::kUnknownFormat);
  CHECK(prover_->counts() == KeyProverCounts{});
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: what it remembers is bounded") {
  use({.patience = kLong, .remembered_matches = 2, .remembered_mismatches = 2});
  gate_.let_pass(kOpen);
  for (const int number : {0, 2, 4, 1, 3, 5}) CHECK(prove(number) != Proof::kBusy);
  CHECK(gate_.runs() == 6);
  CHECK(prove(4) == Proof::kMatch);
  CHECK(prove(5) == Proof::kNoMatch);
  CHECK(gate_.runs() == 6);
  CHECK(prove(0) == Proof::kMatch);
  CHECK(prove(1) == Proof::kNoMatch);
  CHECK(gate_.runs() == 8);
}

TEST_CASE_METHOD(KeyProverTest, "KeyProver: many threads, keys and ends at once agree") {
  use({.patience = kLong, .remembered_matches = 5, .remembered_mismatches = 5}, /*threads=*/2);
  gate_.let_pass(kOpen);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const int number = (i * 7 + thread) % 20;
        const Proof expected = number % 2 == 0 ? Proof::kMatch : Proof::kNoMatch;
        if (prove(number, i % 3 == 0 ? kOtherRow : kKeyRow) != expected) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("Argon2Queue: forgets at its end what has not begun") {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  std::atomic<int> begun = 0;
  const auto work = [&] {
    ++begun;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_open; });
  };
  std::optional<Argon2Queue> queue(std::in_place, Argon2Queue::Limits{.threads = 1, .waiting = 2});
  REQUIRE(queue->try_add(kKeyRow, work));
  test::wait_until("the work", [&] { return begun == 1; });
  REQUIRE(queue->try_add(kKeyRow, work));
  REQUIRE(queue->try_add(kOtherRow, work));
  CHECK_FALSE(queue->try_add(kOtherRow, work));
  Argon2Queue& ending = *queue;
  std::thread end([&] { queue.reset(); });
  test::wait_until("the end to begin", [&] { return ending.is_ending(); });
  {
    const std::lock_guard lock(mutex);
    is_open = true;
    changed.notify_all();
  }
  end.join();
  CHECK(begun == 1);
}

}  // namespace
}  // namespace registry
