#pragma once

#include <string_view>

namespace registry::migrate {

// Writes a line for the operator to the standard error output. A line that cannot be written is
// dropped: a terminal that has gone is no reason to stop.
void say(std::string_view line);

// Writes a result to the standard output. Throws Failed when that fails.
void print(std::string_view text);

}  // namespace registry::migrate
