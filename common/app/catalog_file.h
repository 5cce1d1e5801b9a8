#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/domain/catalog.h"

namespace registry {

// deploy/catalog.json, embedded by the build.
extern const std::string_view kBuiltInCatalog;

// Reads product manifests: {"products":[{"id", "name", "description", "plans", "trial_days",
// "supports_projects"}]}, every member required and no other, ids unique. On failure says what is
// wrong and in which line ("line 12: …").
[[nodiscard]] tl::expected<Catalog, std::string> parse_catalog(std::string_view text);

// The catalog in a file, or the built-in one where `path` is empty. The file may have 1 MiB.
[[nodiscard]] tl::expected<Catalog, std::string> load_catalog(const std::string& path);

}  // namespace registry
