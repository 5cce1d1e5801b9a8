#include "common/base/time.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace registry {
namespace {

using std::chrono::sys_days;

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int64_t kMicrosecondsPerDay = 86'400 * kMicrosecondsPerSecond;

// Reads exactly the digits of text[at, at + length); nothing for anything that is no digit.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t length) {
  int value = 0;
  for (const char c : text.substr(at, length)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::int64_t days_since_epoch(const Date& date) {
  const std::chrono::year_month_day day{std::chrono::year{date.year},
                                        std::chrono::month{static_cast<unsigned>(date.month)},
                                        std::chrono::day{static_cast<unsigned>(date.day)}};
  return sys_days{day}.time_since_epoch().count();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The decimals in front of the offset, "" or ".5", as microseconds; nothing for anything else.
std::optional<int> fraction_us(std::string_view text) {
  if (text.empty()) return 0;
  if (text.size() < 2 || text[0] != '.') return std::nullopt;
  int value = 0;
  int unit = static_cast<int>(kMicrosecondsPerSecond) / 10;
  for (const char c : text.substr(1)) {
    if (!is_digit(c)) return std::nullopt;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value;
}

// "Z" or "+hh:mm" as the minutes by which local time is ahead of UTC.
std::optional<int> offset_minutes(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hour = digits(text, 1, 2);
  const auto minute = digits(text, 4, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const int minutes = *hour * 60 + *minute;
  return text[0] == '-' ? -minutes : minutes;
}

std::int64_t floor_div(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

}  // namespace

std::string Timestamp::to_string() const {
  const Date date = utc_date(*this);
  const std::int64_t of_day =
      unix_us - floor_div(unix_us, kMicrosecondsPerDay) * kMicrosecondsPerDay;
  const auto seconds = static_cast<int>(of_day / kMicrosecondsPerSecond);
  std::array<char, 64> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", date.year,
                    date.month, date.day, seconds / 3600, seconds / 60 % 60, seconds % 60,
                    static_cast<int>(of_day % kMicrosecondsPerSecond));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<Timestamp> Timestamp::parse(std::string_view text) {
  if (text.size() != 27 || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text[19] != '.' || text[26] != 'Z') {
    return std::nullopt;
  }
  const auto date = Date::parse(text.substr(0, 10));
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto fraction_us = digits(text, 20, 6);
  if (!date || !hour || !minute || !second || !fraction_us) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::int64_t seconds = (*hour * 60 + *minute) * 60 + *second;
  return Timestamp{days_since_epoch(*date) * kMicrosecondsPerDay +
                   seconds * kMicrosecondsPerSecond + *fraction_us};
}

std::optional<Timestamp> Timestamp::parse_rfc3339(std::string_view text) {
  constexpr std::size_t kFixedLength = 19;  // "2026-05-19T10:10:15"
  constexpr std::size_t kLongest = 64;
  if (text.size() <= kFixedLength || text.size() > kLongest) return std::nullopt;
  const bool has_separators =
      (text[10] == 'T' || text[10] == 't') && text[13] == ':' && text[16] == ':';
  const auto date = Date::parse(text.substr(0, 10));
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const std::size_t offset_at = text.find_first_of("Zz+-", kFixedLength);
  if (!has_separators || !date || !hour || !minute || !second || offset_at == text.npos) {
    return std::nullopt;
  }
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = fraction_us(text.substr(kFixedLength, offset_at - kFixedLength));
  const auto offset = offset_minutes(text.substr(offset_at));
  if (!fraction || !offset) return std::nullopt;
  const std::int64_t seconds = (*hour * 60 + *minute - *offset) * 60 + *second;
  const Timestamp moment{days_since_epoch(*date) * kMicrosecondsPerDay +
                         seconds * kMicrosecondsPerSecond + *fraction};
  const std::int64_t first_us = days_since_epoch({1, 1, 1}) * kMicrosecondsPerDay;
  const std::int64_t end_us = (days_since_epoch({9999, 12, 31}) + 1) * kMicrosecondsPerDay;
  if (moment.unix_us < first_us || moment.unix_us >= end_us) return std::nullopt;
  return moment;
}

Timestamp add_days(Timestamp moment, int days) {
  return {moment.unix_us + days * kMicrosecondsPerDay};
}

std::string Date::to_string() const {
  std::array<char, 48> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02d-%02d", year, month, day);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<Date> Date::parse(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year || !month || !day || *year == 0) return std::nullopt;
  const std::chrono::year_month_day calendar{std::chrono::year{*year},
                                             std::chrono::month{static_cast<unsigned>(*month)},
                                             std::chrono::day{static_cast<unsigned>(*day)}};
  if (!calendar.ok()) return std::nullopt;
  return Date{*year, *month, *day};
}

Date utc_date(Timestamp moment) {
  const std::chrono::year_month_day calendar{
      sys_days{std::chrono::days{floor_div(moment.unix_us, kMicrosecondsPerDay)}}};
  return {static_cast<int>(calendar.year()),
          static_cast<int>(static_cast<unsigned>(calendar.month())),
          static_cast<int>(static_cast<unsigned>(calendar.day()))};
}

Timestamp SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count()};
}

}  // namespace registry
