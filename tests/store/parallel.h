#pragma once

#include <cstddef>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace registry::test {

// Enough of them at once to be in each other's way.
inline constexpr int kCallers = 16;

// How often each of the outcomes 0 to 3 occurred.
template <class T>
std::vector<int> counted(const std::vector<T>& outcomes) {
  std::vector<int> counts(4);
  for (const int outcome : outcomes) ++counts.at(static_cast<std::size_t>(outcome));
  return counts;
}

// Runs `work(0)` … `work(count - 1)`, each in a thread of its own, all released at the same moment,
// and gives their results in this order. `work` does not throw and asserts nothing.
template <class Work>
auto run_in_threads(int count, const Work& work) {
  using Result = decltype(work(0));
  std::vector<std::vector<Result>> results(static_cast<std::size_t>(count));
  std::latch start(count);
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      results[static_cast<std::size_t>(i)].push_back(work(i));
    });
  }
  threads.clear();  // joins
  std::vector<Result> all;
  for (auto& result : results) all.push_back(std::move(result.front()));
  return all;
}

// A child process that runs `work`, killed and waited for by the destructor at the latest.
class ChildProcess {
 public:
  // The process exits with what `work` returns, 0 to 254, and with 255 when it throws.
  explicit ChildProcess(const std::function<int()>& work);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  // The exit status; -1 when a signal ended it.
  int wait() noexcept;
  // kill -9, then wait.
  void kill() noexcept;

 private:
  pid_t pid_;
};

// Runs `work(0)` … `work(count - 1)`, each in a process of its own, all released at the same
// moment, and gives their exit statuses in this order.
std::vector<int> run_in_processes(int count, const std::function<int(int)>& work);

// A pipe whose ends close with it.
class Pipe {
 public:
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  void close_writer();
  void close_reader();
  void write_byte() const;
  // False at the end of the file: every writer has closed.
  [[nodiscard]] bool read_byte() const;

 private:
  int reader_ = -1;
  int writer_ = -1;
};

}  // namespace registry::test
