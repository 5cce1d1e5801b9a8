#include <chrono>
#include <string>
#include <utility>

#include "migrations/duration.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST_CASE("parse_duration: numbers with units, the larger first, or bare seconds") {
  const auto [text, ms] = GENERATE(table<std::string, int>({{"15s", 15'000},
                                                            {"500ms", 500},
                                                            {"1m30s", 90'000},
                                                            {"2h", 7'200'000},
                                                            {"0", 0},
                                                            {"0s", 0},
                                                            {"15", 15'000},
                                                            {"1h1m1s1ms", 3'661'001},
                                                            {"24h", 86'400'000}}));
  CAPTURE(text);
  CHECK(parse_duration(text) == milliseconds{ms});
}

TEST_CASE("parse_duration: anything else is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", "s", "-1", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5s", "1s1m",
               "1s1s", "1m30", "1d", "25h", "9999999999", "1e3", "0x1", "ms", "1S", "24h1ms");
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text));
}

TEST_CASE("format_duration: milliseconds, then tenths of a second, then minutes") {
  CHECK(format_duration(microseconds{0}) == "0 ms");
  CHECK(format_duration(microseconds{31'400}) == "31 ms");
  CHECK(format_duration(milliseconds{9'999}) == "9999 ms");
  CHECK(format_duration(milliseconds{12'345}) == "12.3 s");
  CHECK(format_duration(milliseconds{59'999}) == "59.9 s");
  CHECK(format_duration(milliseconds{125'000}) == "2 min 5 s");
}

}  // namespace
}  // namespace registry::migrate
