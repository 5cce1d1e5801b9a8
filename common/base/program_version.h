#pragma once

#include <string_view>

namespace registry {

// The version of this source, as the file VERSION has it. Every program is built with it.
extern const std::string_view kProgramVersion;

}  // namespace registry
