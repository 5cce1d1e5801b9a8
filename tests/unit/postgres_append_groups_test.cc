#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/postgres/append_groups.h"
#include "common/store/postgres/sql_error.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace registry::postgres {
namespace {

using Receipts = std::vector<AuditReceipt>;
using Appended = Result<Receipts>;
using Events = std::vector<AuditSubmission>;

constexpr std::chrono::milliseconds kForever{600'000};

// Each with its own letter as its action.
Events events_of(std::string_view letters) {
  Events events;
  for (const char letter : letters) {
    AuditSubmission& event = events.emplace_back();
    event.event.action = std::string(1, letter);
  }
  return events;
}

// Stands in for the database: holds each append until it is let through, and answers each event
// with its letter's code as the id.
class Database {
 public:
  Appended append(std::span<const AuditSubmission> events) {
    std::string letters;
    for (const AuditSubmission& event : events) letters += event.event.action;
    std::unique_lock lock(mutex_);
    statements_.push_back(letters);
    ++underway_;
    changed_.wait(lock, [this] { return is_open_; });
    --underway_;
    if (letters.find('!') != std::string::npos) return fail(invalid_request("of " + letters));
    if (letters.find('?') != std::string::npos) throw SqlError({.sqlstate = "22P02"});
    if (letters.size() > 1 && letters.find('~') != std::string::npos) throw SqlError({});
    Receipts receipts;
    for (const char letter : letters) receipts.push_back({.id = letter, .hash = {}});
    return receipts;
  }

  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] int underway() {
    const std::lock_guard lock(mutex_);
    return underway_;
  }
  // The letters of each append, in the order in which they began.
  [[nodiscard]] std::vector<std::string> statements() {
    const std::lock_guard lock(mutex_);
    return statements_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  int underway_ = 0;
  std::vector<std::string> statements_;
};

class AppendGroupsTest {
 protected:
  explicit AppendGroupsTest(std::chrono::milliseconds patience = kForever) : groups_(patience) {
    groups_.on_wait([this] { ++waits_; });
  }
  ~AppendGroupsTest() { database_.open(); }

  std::future<Appended> start(const std::string& letters,
                              const TenantScope& scope = TenantScope::all(),
                              std::size_t metadata_bytes = 0) {
    return std::async(std::launch::async, [=, this] {
      Events events = events_of(letters);
      for (AuditSubmission& event : events) event.event.metadata_json.assign(metadata_bytes, ' ');
      return groups_.run(scope, events, [&](auto together) { return database_.append(together); });
    });
  }
  // One is under way, and the others wait in their order.
  std::vector<std::future<Appended>> start_all(const std::vector<std::string>& all) {
    std::vector<std::future<Appended>> started;
    for (const std::string& letters : all) {
      started.push_back(start(letters));
      const std::size_t waiting = started.size() - 1;
      test::wait_until("an append that waits", [&] {
        return database_.underway() == 1 && groups_.count_waiting() == waiting;
      });
    }
    return started;
  }
  void wait_for_underway(int count) {
    test::wait_until("an append that is under way", [&] { return database_.underway() == count; });
  }
  [[nodiscard]] Database& database() { return database_; }
  // How often somebody was about to wait.
  [[nodiscard]] std::size_t waits() const { return waits_; }

  static std::string letters_of(std::future<Appended>& future) {
    const Appended appended = future.get();
    if (!appended) return appended.error().detail;
    std::string letters;
    for (const AuditReceipt& receipt : *appended) letters += static_cast<char>(receipt.id);
    return letters;
  }

 private:
  Database database_;
  std::atomic<std::size_t> waits_ = 0;
  AppendGroups groups_;
};

class ImpatientAppendGroupsTest : public AppendGroupsTest {
 protected:
  ImpatientAppendGroupsTest() : AppendGroupsTest(std::chrono::milliseconds(1)) {}
};

using Statements = std::vector<std::string>;

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: what comes meanwhile is one append, in order") {
  auto started = start_all({"a", "b", "cd", "e"});
  database().open();
  CHECK(letters_of(started[0]) == "a");
  CHECK(letters_of(started[1]) == "b");
  CHECK(letters_of(started[2]) == "cd");
  CHECK(letters_of(started[3]) == "e");
  CHECK(database().statements() == Statements{"a", "bcde"});
  CHECK(waits() == 3);
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: so many at most stand aside while they wait") {
  const std::vector<std::string> all(kAppendsAside + 3, "a");
  auto started = start_all(all);
  CHECK(waits() == kAppendsAside);
  database().open();
  for (auto& one : started) CHECK(letters_of(one) == "a");
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: nobody gets the error of another") {
  const auto bad = GENERATE(as<std::string>(), "!", "?");
  auto started = start_all({"a", "b", bad, "c"});
  database().open();
  CHECK(letters_of(started[1]) == "b");
  CHECK(letters_of(started[3]) == "c");
  if (bad == "!") CHECK(letters_of(started[2]) == "of !");
  if (bad == "?") CHECK_THROWS_AS(started[2].get(), SqlError);
  Statements statements = database().statements();
  std::sort(statements.begin() + 2, statements.end());
  CHECK(statements == Statements{"a", "b" + bad + "c", bad, "b", "c"});
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: what may have been appended is not again") {
  auto started = start_all({"a", "b", "~", "c"});
  database().open();
  CHECK(letters_of(started[0]) == "a");
  for (std::size_t i = 1; i < started.size(); ++i) CHECK_THROWS_AS(started[i].get(), SqlError);
  CHECK(database().statements() == Statements{"a", "b~c"});
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: those of other scopes do not wait") {
  auto one = start("a", TenantScope::of({}, {"one"}));
  auto other = start("b", TenantScope::of({}, {"other"}));
  wait_for_underway(2);
  database().open();
  CHECK(letters_of(one) == "a");
  CHECK(letters_of(other) == "b");
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: a large append neither waits nor grows") {
  auto first = start("a");
  wait_for_underway(1);
  auto many = start(std::string(AppendGroups::kMemberLimit + 1, 'b'));
  wait_for_underway(2);
  auto large = start("c", TenantScope::all(), AppendGroups::kMemberByteLimit + 1);
  wait_for_underway(3);
  database().open();
  CHECK(letters_of(first) == "a");
  CHECK(letters_of(many).size() == AppendGroups::kMemberLimit + 1);
  CHECK(letters_of(large) == "c");
}

TEST_CASE_METHOD(AppendGroupsTest, "AppendGroups: a group has a limit") {
  const std::string most(AppendGroups::kMemberLimit, 'b');
  std::vector<std::string> all(AppendGroups::kGroupLimit / AppendGroups::kMemberLimit + 1, most);
  all.insert(all.begin(), "a");
  auto started = start_all(all);
  database().open();
  for (std::size_t i = 1; i < started.size(); ++i) CHECK(letters_of(started[i]) == most);
  CHECK(database().statements() ==
        Statements{"a", std::string(AppendGroups::kGroupLimit, 'b'), most});
}

TEST_CASE_METHOD(ImpatientAppendGroupsTest,
                 "AppendGroups: whoever has waited long enough is on their way") {
  auto first = start("a");
  wait_for_underway(1);
  auto second = start("b");
  wait_for_underway(2);
  database().open();
  CHECK(letters_of(first) == "a");
  CHECK(letters_of(second) == "b");
}

}  // namespace
}  // namespace registry::postgres
