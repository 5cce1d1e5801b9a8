#include "common/base/counters.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace registry {
namespace {

// The last letter is the version of the layout.
constexpr std::uint64_t kMagic = 0x74722d636e747231;  // "tr-cntr1"
constexpr mode_t kForTheGroup = 0660;
// Another process that opens the file has it for itself for some microseconds.
constexpr std::chrono::milliseconds kLockPatience{500};
constexpr std::chrono::milliseconds kLockPause{1};

std::string system_error(const char* call) {
  return std::string(call) + ": " + std::generic_category().message(errno);
}

// Tells others that the file is in use, until it is closed.
bool lock_shared(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kLockPause);
  }
  return true;
}

}  // namespace

// As the file has it, in this machine's order of bytes: the zeros of a new file are no counter.
struct CounterFile::Layout {
  enum State : std::uint64_t { kFree, kBeingNamed, kNamed };
  // Of which each member is accessed through an atomic_ref as long as others may change it.
  struct Slot {
    std::uint64_t value = 0;
    std::uint64_t state = kFree;
    // Ends with a zero. Written by whoever moved `state` from kFree to kBeingNamed, and never
    // changed from kNamed on.
    std::array<char, kNameLimitBytes + 1> name{};

    [[nodiscard]] std::string_view text() const {
      return {name.data(), ::strnlen(name.data(), kNameLimitBytes)};
    }
  };

  std::uint64_t magic = 0;
  std::array<std::uint64_t, 15> reserved{};
  std::array<Slot, kCounterLimit> slots{};
};

void CounterFile::Unmap::operator()(Layout* layout) const noexcept {
  ::munmap(layout, sizeof(Layout));
}

CounterFile::CounterFile(UniqueFd fd, Mapping mapping)
    : fd_(std::move(fd)), mapping_(std::move(mapping)) {}

// Null when it cannot be; errno says why.
CounterFile::Mapping CounterFile::map(int fd) {
  const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* const memory = ::mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) return nullptr;
  // Not constructed: the bytes are those of the file, and each member is what its bytes say.
  return Mapping(static_cast<Layout*>(memory));
}

void CounterFile::reset(Layout& layout, std::span<const std::string_view> prefixes) {
  for (Layout::Slot& slot : layout.slots) {
    if (std::atomic_ref(slot.state).load(std::memory_order_acquire) != Layout::kNamed) continue;
    for (const std::string_view prefix : prefixes) {
      if (slot.text().starts_with(prefix)) Counter(slot.value).set(0);
    }
  }
}

tl::expected<CounterFile, std::string> CounterFile::open(
    const std::string& path, std::span<const std::string_view> transient) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kForTheGroup));
  if (!fd) return tl::unexpected(system_error("open"));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return tl::unexpected<std::string>("is no regular file");
  }
  // A page that a full disk has no room for would end the process when it is first written.
  const int error = ::posix_fallocate(fd.get(), 0, sizeof(Layout));
  if (error != 0) {
    errno = error;
    return tl::unexpected(system_error("posix_fallocate"));
  }
  const bool is_alone = ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  Mapping mapping = map(fd.get());
  if (!mapping) return tl::unexpected(system_error("mmap"));
  std::uint64_t magic = 0;
  if (!std::atomic_ref(mapping->magic).compare_exchange_strong(magic, kMagic) && magic != kMagic) {
    return tl::unexpected<std::string>("holds something else than counters");
  }
  if (is_alone) reset(*mapping, transient);
  if (!lock_shared(fd.get())) return tl::unexpected(system_error("flock"));
  return CounterFile(std::move(fd), std::move(mapping));
}

CounterFile CounterFile::without_file() {
  Mapping mapping = map(-1);
  if (!mapping) throw std::bad_alloc();
  return {UniqueFd(), std::move(mapping)};
}

Counter CounterFile::counter(std::string_view name) {
  if (name.empty() || name.size() > kNameLimitBytes) return {};
  for (Layout::Slot& slot : mapping_->slots) {
    const std::atomic_ref state(slot.state);
    std::uint64_t found = Layout::kFree;
    if (state.compare_exchange_strong(found, Layout::kBeingNamed, std::memory_order_acquire)) {
      std::copy(name.begin(), name.end(), slot.name.begin());
      state.store(Layout::kNamed, std::memory_order_release);
      return Counter(slot.value);
    }
    // One whose process ended while it named it stays as it is, and is nobody's.
    if (found == Layout::kNamed && slot.text() == name) return Counter(slot.value);
  }
  return {};
}

tl::expected<std::vector<NamedCount>, std::string> read_counters(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return tl::unexpected(system_error("open"));
  const auto copy = std::make_unique<CounterFile::Layout>();
  const ssize_t size = ::pread(fd.get(), copy.get(), sizeof(*copy), 0);
  if (size < 0) return tl::unexpected(system_error("pread"));
  if (size == 0) return std::vector<NamedCount>{};  // nobody has counted yet
  if (size != ssize_t{sizeof(*copy)} || copy->magic != kMagic) {
    return tl::unexpected<std::string>("holds something else than counters");
  }
  std::map<std::string, std::uint64_t> sums;
  for (const auto& slot : copy->slots) {
    // Two of one name, which processes made at once, belong together.
    if (slot.state == CounterFile::Layout::kNamed) sums[std::string(slot.text())] += slot.value;
  }
  std::vector<NamedCount> counts;
  for (const auto& [name, value] : sums) counts.push_back({.name = name, .value = value});
  return counts;
}

}  // namespace registry
