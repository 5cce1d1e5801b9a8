#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace registry::migrate {

// No wait is longer; the server's own settings hold milliseconds in 31 bits.
constexpr std::chrono::milliseconds kMaxDuration = std::chrono::hours{24};

// Reads "15s", "500ms", "1m30s", "2h" (whole numbers with units, the larger first), or a bare
// number of seconds, as golang-migrate's -lock-timeout has it. Nothing else, and nothing above
// kMaxDuration.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// "31 ms", "12.3 s" from 10 s on, "2 min 5 s" from a minute on.
[[nodiscard]] std::string format_duration(std::chrono::microseconds duration);

}  // namespace registry::migrate
