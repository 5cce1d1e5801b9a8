#pragma once

#include <filesystem>
#include <system_error>

namespace registry {

// Makes a folder that other users of the machine are kept out of, and the folders above it as
// usual; leaves one that is there as it is. Gives what went wrong, if anything did.
[[nodiscard]] std::error_code make_private_folder(const std::filesystem::path& folder);

}  // namespace registry
