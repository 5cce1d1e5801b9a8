#include "common/base/secret_file.h"

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace registry {
namespace {

tl::unexpected<std::string> unreadable(const std::string& path) {
  return tl::unexpected<std::string>("can't read " + path + ": " +
                                     std::generic_category().message(errno));
}

}  // namespace

tl::expected<std::string, std::string> read_secret_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable(path);
  std::string secret;
  for (std::array<char, 4096> part{};;) {
    const ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable(path);
    if (count == 0) break;
    secret.append(part.data(), static_cast<std::size_t>(count));
    if (secret.size() > kMaxSecretBytes) {
      return tl::unexpected<std::string>(path + " is larger than " +
                                         std::to_string(kMaxSecretBytes) + " bytes");
    }
  }
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.empty()) return tl::unexpected<std::string>(path + " is empty");
  if (secret.find('\0') != std::string::npos) {
    return tl::unexpected<std::string>(path + " holds a zero byte");
  }
  return secret;
}

tl::expected<std::optional<std::string>, ConfigError> secret_variable(
    const EnvironmentLookup& lookup, const std::string& name) {
  const std::string file_variable = name + "_FILE";
  const auto given = [&](const std::string& variable) {
    auto value = lookup(variable.c_str());
    return value && !value->empty() ? std::move(value) : std::nullopt;
  };
  auto value = given(name);
  const auto path = given(file_variable);
  if (value && path) {
    return tl::unexpected<ConfigError>(
        {.variable = file_variable, .message = "must not be set together with " + name});
  }
  if (!path) return value;
  auto secret = read_secret_file(*path);
  if (!secret) {
    return tl::unexpected<ConfigError>(
        {.variable = file_variable, .message = std::move(secret.error())});
  }
  return std::optional(*std::move(secret));
}

}  // namespace registry
