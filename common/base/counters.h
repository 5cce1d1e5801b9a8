#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/base/unique_fd.h"

namespace registry {

// A number that the threads of several processes change together. One that is made without a cell
// counts nothing. Thread-safe.
class Counter {
 public:
  Counter() = default;
  explicit Counter(std::uint64_t& cell) : cell_(&cell) {}

  void add(std::uint64_t amount = 1) const noexcept {
    if (cell_ != nullptr) std::atomic_ref(*cell_).fetch_add(amount, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t amount = 1) const noexcept {
    if (cell_ != nullptr) std::atomic_ref(*cell_).fetch_sub(amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) const noexcept {
    if (cell_ != nullptr) std::atomic_ref(*cell_).store(value, std::memory_order_relaxed);
  }

 private:
  std::uint64_t* cell_ = nullptr;
};

struct NamedCount {
  std::string name;
  std::uint64_t value = 0;
};

// Counters with names, in memory that processes share: a file that each of them maps. What is
// counted survives the processes, however they end, and no further than the file does. Each
// counter is found by its name, so that programs of different releases can share a file.
class CounterFile {
 public:
  // As many counters as there can be, and the longest name.
  static constexpr std::size_t kCounterLimit = 255;
  static constexpr std::size_t kNameLimitBytes = 119;

  // Maps the file, which is made when it is missing, in a folder that exists. Counters whose names
  // begin like one of `transient` are about processes that run: they are 0 again where no other one
  // has the file open. On failure says what is wrong.
  [[nodiscard]] static tl::expected<CounterFile, std::string> open(
      const std::string& path, std::span<const std::string_view> transient);
  // The same in memory of this process, which nobody can read.
  [[nodiscard]] static CounterFile without_file();

  // The counter with this name, which is 0 at first. One that counts nothing where there is no room
  // for more, or the name is too long. Valid as long as this object.
  [[nodiscard]] Counter counter(std::string_view name);

  // What is in the file.
  struct Layout;

 private:
  struct Unmap {
    void operator()(Layout* layout) const noexcept;
  };
  using Mapping = std::unique_ptr<Layout, Unmap>;

  CounterFile(UniqueFd fd, Mapping mapping);

  [[nodiscard]] static Mapping map(int fd);
  static void reset(Layout& layout, std::span<const std::string_view> prefixes);

  UniqueFd fd_;  // holds the lock that says that somebody has the file open
  Mapping mapping_;
};

// The counters in a file, in no order, each name once; without being one of those who have the file
// open. What a damaged file holds besides is left out. On failure says what is wrong.
[[nodiscard]] tl::expected<std::vector<NamedCount>, std::string> read_counters(
    const std::string& path);

}  // namespace registry
