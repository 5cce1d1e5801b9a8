#pragma once

#include <string>

namespace registry::migrate {

// Creates an empty pair of files with the next number in a folder, which is created when missing.
// Files are never overwritten. Returns a line for each, for the developer. Throws Failed for a name
// with anything but lower-case letters, digits and underscores.
[[nodiscard]] std::string create_migration(const std::string& folder, const std::string& name);

}  // namespace registry::migrate
