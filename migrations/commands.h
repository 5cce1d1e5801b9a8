#pragma once

#include "migrations/options.h"

namespace registry::migrate {

// Carries out a command and returns the exit code. Throws Failed, or SqlError for what no command
// has a word for.
[[nodiscard]] int run_command(const Options& options);

}  // namespace registry::migrate
