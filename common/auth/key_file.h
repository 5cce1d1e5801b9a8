#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>
#include <time.h>

#include "common/auth/key_set.h"

namespace registry::auth {

// The issuer's keys, as jwks_sync keeps them in a file. The file is read again when it has been
// replaced; one that is missing or cannot be taken (see KeySet::parse, and another issuer's) leaves
// the last good set in use. Thread-safe.
class KeyFile {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  // How long it goes without looking whether the file has been replaced.
  static constexpr std::chrono::milliseconds kLookInterval{200};

  KeyFile(std::string path, std::string issuer, Now now = std::chrono::steady_clock::now)
      : path_(std::move(path)), issuer_(std::move(issuer)), now_(std::move(now)) {}

  // The keys in use, and which set of this process they are: another set has another number.
  struct Current {
    std::shared_ptr<const KeySet> keys;  // null as long as there has been none
    std::uint64_t generation = 0;
  };
  [[nodiscard]] Current current();
  // The same, after a look at the file.
  [[nodiscard]] Current look_now();

 private:
  // What tells one version of the file from another.
  struct Version {
    ::dev_t device = 0;
    ::ino_t inode = 0;
    ::off_t size = 0;
    std::int64_t changed_ns = 0;

    bool operator==(const Version&) const = default;
  };

  void look();
  [[nodiscard]] std::shared_ptr<const KeySet> parse(std::string_view text) const;

  const std::string path_;
  const std::string issuer_;
  const Now now_;
  std::mutex mutex_;  // guards what follows
  std::optional<std::chrono::steady_clock::time_point> looked_at_;
  std::optional<Version> version_;  // of the file that was read last, good or not
  Current current_;
};

}  // namespace registry::auth
