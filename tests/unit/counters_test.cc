#include "common/base/counters.h"

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

class CountersTest {
 protected:
  [[nodiscard]] CounterFile open(std::span<const std::string_view> transient = {}) const {
    auto file = CounterFile::open(path_, transient);
    REQUIRE(file);
    return std::move(*file);
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const {
    const auto read = read_counters(path_);
    REQUIRE(read);
    std::map<std::string, std::uint64_t> counts;
    for (const NamedCount& count : *read) CHECK(counts.emplace(count.name, count.value).second);
    return counts;
  }

  test::TempFolder folder_;
  std::string path_ = folder_.path() + "/counters";
};

using Counts = std::map<std::string, std::uint64_t>;

TEST_CASE_METHOD(CountersTest, "CounterFile: what was counted survives those who counted") {
  open().counter("requests").add();
  open().counter("requests").add(41);
  CHECK(counts() == Counts{{"requests", 42}});
}

TEST_CASE_METHOD(CountersTest, "CounterFile: those who have the file open count together") {
  CounterFile one = open();
  CounterFile other = open();
  one.counter("a").add(1);
  other.counter("a").add(2);
  other.counter("b").add(4);
  one.counter("b").subtract(3);
  CHECK(counts() == Counts{{"a", 3}, {"b", 1}});
}

TEST_CASE_METHOD(CountersTest, "CounterFile: no increment of many threads and files is lost") {
  constexpr int kThreads = 8;
  constexpr int kIncrements = 5'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      auto file = CounterFile::open(path_, {});
      if (!file) return;
      for (int n = 0; n < kIncrements; ++n) file->counter("n" + std::to_string(n % 50)).add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Counts found = counts();
  CHECK(found.size() == 50);
  for (const auto& [name, value] : found) CHECK(value == kThreads * kIncrements / 50);
}

TEST_CASE_METHOD(CountersTest,
                 "CounterFile: what is about running processes is 0 again once none is left") {
  constexpr std::array<std::string_view, 1> kTransient = {"queue"};
  {
    CounterFile first = open(kTransient);
    first.counter("queue").add(5);
    first.counter("total").add(5);
    const CounterFile second = open(kTransient);
    CHECK(counts() == Counts{{"queue", 5}, {"total", 5}});
  }
  // Who only reads is none of them.
  CHECK(counts() == Counts{{"queue", 5}, {"total", 5}});
  const CounterFile third = open(kTransient);
  CHECK(counts() == Counts{{"queue", 0}, {"total", 5}});
}

TEST_CASE_METHOD(CountersTest,
                 "CounterFile: a counter too many, or of a bad name, counts nothing") {
  CounterFile file = open();
  file.counter("").add();
  file.counter(std::string(CounterFile::kNameLimitBytes + 1, 'x')).add();
  CHECK(counts().empty());
  file.counter(std::string(CounterFile::kNameLimitBytes, 'x')).add();
  for (std::size_t i = 0; i < CounterFile::kCounterLimit + 5; ++i) {
    file.counter("n" + std::to_string(i)).add();
  }
  const Counts found = counts();
  CHECK(found.size() == CounterFile::kCounterLimit);
  CHECK(found.at(std::string(CounterFile::kNameLimitBytes, 'x')) == 1);
}

TEST_CASE_METHOD(CountersTest, "CounterFile: a file of others is left alone") {
  test::write_file(path_, std::string(100'000, 'x'));
  const auto file = CounterFile::open(path_, {});
  REQUIRE_FALSE(file);
  CHECK(file.error() == "holds something else than counters");
  CHECK(test::read_file(path_) == std::string(100'000, 'x'));
  CHECK_FALSE(read_counters(path_));
  CHECK_FALSE(CounterFile::open(folder_.path(), {}));
  CHECK_FALSE(CounterFile::open(folder_.path() + "/none/counters", {}));
  std::filesystem::create_symlink(path_, folder_.path() + "/link");
  CHECK_FALSE(CounterFile::open(folder_.path() + "/link", {}));
}

TEST_CASE_METHOD(CountersTest, "read_counters: an empty file, as a package makes it, has none") {
  test::write_file(path_, "");
  CHECK(counts().empty());
  open().counter("a").add();
  CHECK(counts() == Counts{{"a", 1}});
}

TEST_CASE("Counter: without a file it counts where nobody looks, without a cell nothing") {
  CounterFile::without_file().counter("a").add();
  const Counter none;
  none.add();
  none.subtract();
  none.set(1);
}

}  // namespace
}  // namespace registry
