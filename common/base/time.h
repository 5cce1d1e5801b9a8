#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace registry {

// A moment in UTC with the resolution that Postgres keeps: microseconds since 1970-01-01. Its text
// is defined for the years 1 to 9999.
struct Timestamp {
  std::int64_t unix_us = 0;

  auto operator<=>(const Timestamp&) const = default;

  // RFC 3339 with six decimals, "2026-05-19T10:10:15.123456Z": sorts as text in order of time.
  [[nodiscard]] std::string to_string() const;
  // Reads what to_string() writes, and nothing else.
  [[nodiscard]] static std::optional<Timestamp> parse(std::string_view text);
  // Reads any date-time of RFC 3339 of at most 64 characters in the years 1 to 9999, as written and
  // in UTC: every offset, any number of decimals, of which those behind the sixth are cut off. A
  // leap second counts as the second after it.
  [[nodiscard]] static std::optional<Timestamp> parse_rfc3339(std::string_view text);
};

[[nodiscard]] Timestamp add_days(Timestamp moment, int days);

// A calendar day of the proleptic Gregorian calendar, 0001-01-01 to 9999-12-31.
struct Date {
  int year = 1970;
  int month = 1;
  int day = 1;

  auto operator<=>(const Date&) const = default;

  // "YYYY-MM-DD".
  [[nodiscard]] std::string to_string() const;
  // Nothing but "YYYY-MM-DD" of a day that exists.
  [[nodiscard]] static std::optional<Date> parse(std::string_view text);
};

// The day that `moment` falls on in UTC.
[[nodiscard]] Date utc_date(Timestamp moment);

// Where the time comes from; tests inject a clock of their own. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
};

}  // namespace registry
