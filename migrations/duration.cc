#include "migrations/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace registry::migrate {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

// "ms" before "m", which begins it.
constexpr std::array<Unit, 4> kUnits = {{{.name = "ms", .ms = 1},
                                         {.name = "h", .ms = 3'600'000},
                                         {.name = "m", .ms = 60'000},
                                         {.name = "s", .ms = 1000}}};

// Takes a whole number from the front of `text`, at most nine digits.
std::optional<std::int64_t> take_number(std::string_view& text) {
  constexpr std::size_t kMaxDigits = 9;  // far above kMaxDuration, far below an overflow
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || number < 0 || text[0] == '-' || length > kMaxDigits) {
    return std::nullopt;
  }
  text.remove_prefix(length);
  return number;
}

const Unit* take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t total_ms = 0;
  std::int64_t previous_unit_ms = kMaxDuration.count();
  for (bool is_first = true; is_first || !text.empty(); is_first = false) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    std::int64_t unit_ms = 1000;
    if (!is_first || !text.empty()) {
      const Unit* unit = take_unit(text);
      if (unit == nullptr || unit->ms >= previous_unit_ms) return std::nullopt;
      unit_ms = unit->ms;
    }
    previous_unit_ms = unit_ms;
    total_ms += *number * unit_ms;
    if (total_ms > kMaxDuration.count()) return std::nullopt;
  }
  return std::chrono::milliseconds{total_ms};
}

std::string format_duration(std::chrono::microseconds duration) {
  constexpr std::int64_t kSecondMs = 1000;
  constexpr std::int64_t kMinuteS = 60;
  const std::int64_t ms = std::chrono::round<std::chrono::milliseconds>(duration).count();
  if (ms < 10 * kSecondMs) return std::to_string(ms) + " ms";
  const std::int64_t s = ms / kSecondMs;
  if (s < kMinuteS) return std::to_string(s) + "." + std::to_string(ms % kSecondMs / 100) + " s";
  return std::to_string(s / kMinuteS) + " min " + std::to_string(s % kMinuteS) + " s";
}

}  // namespace registry::migrate
