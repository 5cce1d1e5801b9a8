#include "migrations/create.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fcntl.h>

#include "common/base/unique_fd.h"
#include "migrations/failure.h"
#include "migrations/source.h"

namespace registry::migrate {
namespace {

constexpr std::size_t kMaxNameBytes = 100;  // a file name may have 255

void require_name(const std::string& name) {
  const bool is_good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!is_good || name.size() > kMaxNameBytes) {
    throw Failed("can't use the name \"" + name +
                 "\": it may have lower-case letters, digits and " + "underscores, at most " +
                 std::to_string(kMaxNameBytes));
  }
}

std::int64_t next_version(const std::filesystem::path& folder) {
  std::int64_t newest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto parts = parse_file_name(entry.path().filename().string());
    if (parts) newest = std::max(newest, parts->version);
  }
  return newest + 1;
}

void create_file(const std::filesystem::path& path) {
  constexpr mode_t kMode = 0666;  // less the umask
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!file) {
    throw Failed("can't create " + path.string() + ": " + std::generic_category().message(errno));
  }
}

}  // namespace

std::string create_migration(const std::string& folder, const std::string& name) {
  require_name(name);
  try {
    std::filesystem::create_directories(folder);
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%04lld",
                  static_cast<long long>(next_version(folder)));
    const auto base = std::filesystem::path(folder) / (std::string(number.data()) + "_" + name);
    const std::string up = base.string() + ".up.sql";
    const std::string down = base.string() + ".down.sql";
    create_file(up);
    create_file(down);
    return up + "\n" + down;
  } catch (const std::filesystem::filesystem_error& error) {
    throw Failed("can't use the folder " + folder + ": " + error.code().message());
  }
}

}  // namespace registry::migrate
