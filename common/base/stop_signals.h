#pragma once

#include "common/base/unique_fd.h"

namespace registry {

// Lets SIGTERM and SIGINT make the returned descriptor readable, in place of their usual effect.
// Call before any thread is started. Throws std::system_error.
[[nodiscard]] UniqueFd redirect_stop_signals();

}  // namespace registry
