#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "common/base/config.h"

namespace registry {

// What is larger is no secret, but a file named by mistake.
inline constexpr std::size_t kMaxSecretBytes = std::size_t{64} * 1024;

// Reads a secret from a file, without one line feed at its end, which editors add. Fails, in words
// that hold nothing of it, for a file that cannot be read, is empty or larger than kMaxSecretBytes,
// or holds a zero byte.
[[nodiscard]] tl::expected<std::string, std::string> read_secret_file(const std::string& path);

// The value of the variable `name`, or else the secret in the file that the variable `name`_FILE
// names, so that it need stand on no command line and in no environment. Nothing when neither is
// set; an empty value counts as not set. Fails when both are, and as read_secret_file() does.
[[nodiscard]] tl::expected<std::optional<std::string>, ConfigError> secret_variable(
    const EnvironmentLookup& lookup, const std::string& name);

}  // namespace registry
