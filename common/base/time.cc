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
