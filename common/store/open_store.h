#pragma once

#include <memory>

#include <tl/expected.hpp>

#include "common/base/config.h"
#include "common/base/time.h"
#include "common/store/store.h"

namespace registry {

// The store that the configuration names. Nothing is opened before the first operation, so a
// process starts while its store is away. `clock` must outlive the store. Fails when DATABASE_URL
// cannot be read.
[[nodiscard]] tl::expected<std::unique_ptr<Store>, ConfigError> open_store(const Config& config,
                                                                           const Clock& clock);

}  // namespace registry
