#include "common/auth/key_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace registry::auth {
namespace {

// The whole of a file of this size; nothing when it cannot be read, or is shorter.
std::optional<std::string> read_whole(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t count = ::read(fd, text.data() + have, size - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    have += static_cast<std::size_t>(count);
  }
  return text;
}

}  // namespace

KeyFile::Current KeyFile::current() {
  const std::lock_guard lock(mutex_);
  if (!looked_at_ || now_() - *looked_at_ >= kLookInterval) look();
  return current_;
}

KeyFile::Current KeyFile::look_now() {
  const std::lock_guard lock(mutex_);
  look();
  return current_;
}

void KeyFile::look() {
  looked_at_ = now_();
  // Anything else than a file might keep us waiting.
  const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  const Version version{
      .device = status.st_dev,
      .inode = status.st_ino,
      .size = status.st_size,
      .changed_ns = status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec};
  if (version_ == version) return;
  // One that could not be read is looked at again, one that is no set is not.
  std::shared_ptr<const KeySet> keys;
  if (std::cmp_less_equal(status.st_size, KeySet::kTextLimitBytes)) {
    const auto text = read_whole(file.get(), static_cast<std::size_t>(status.st_size));
    if (!text) return;
    keys = parse(*text);
  }
  version_ = version;
  if (keys) current_ = {.keys = std::move(keys), .generation = current_.generation + 1};
}

std::shared_ptr<const KeySet> KeyFile::parse(std::string_view text) const {
  auto keys = KeySet::parse(text);
  if (!keys || keys->issuer() != issuer_) return nullptr;
  return std::make_shared<const KeySet>(std::move(*keys));
}

}  // namespace registry::auth
