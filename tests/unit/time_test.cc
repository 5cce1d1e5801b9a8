#include "common/base/time.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace registry {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

const std::vector<std::pair<std::int64_t, std::string>>& moments() {
  static const std::vector<std::pair<std::int64_t, std::string>> kMoments = {
      {0, "1970-01-01T00:00:00.000000Z"},
      {1, "1970-01-01T00:00:00.000001Z"},
      {-1, "1969-12-31T23:59:59.999999Z"},
      {kDayUs - 1, "1970-01-01T23:59:59.999999Z"},
      {-kDayUs, "1969-12-31T00:00:00.000000Z"},
      {1'779'185'415'123'456, "2026-05-19T10:10:15.123456Z"},
      {1'709'164'800'000'000, "2024-02-29T00:00:00.000000Z"},
      {951'868'799'999'999, "2000-02-29T23:59:59.999999Z"},
      {-2'203'891'200'000'000, "1900-03-01T00:00:00.000000Z"},
      {-62'135'596'800'000'000, "0001-01-01T00:00:00.000000Z"},
      {253'402'300'799'999'999, "9999-12-31T23:59:59.999999Z"},
  };
  return kMoments;
}

TEST_CASE("Timestamp: is written as RFC 3339 in UTC with six decimals") {
  for (const auto& [unix_us, text] : moments()) CHECK(Timestamp{unix_us}.to_string() == text);
}

TEST_CASE("Timestamp: what it writes, it reads") {
  for (const auto& [unix_us, text] : moments()) {
    CAPTURE(text);
    CHECK(Timestamp::parse(text) == Timestamp{unix_us});
  }
}

TEST_CASE("Timestamp: sorts as text in order of time") {
  for (const auto& [a, a_text] : moments()) {
    for (const auto& [b, b_text] : moments()) {
      CHECK((Timestamp{a} < Timestamp{b}) == (a_text < b_text));
    }
  }
}

TEST_CASE("Timestamp: any other spelling is refused") {
  const auto text = GENERATE(
      as<std::string>(), "", "2026-05-19", "2026-05-19T10:10:15Z", "2026-05-19T10:10:15.123Z",
      "2026-05-19T10:10:15.1234567Z", "2026-05-19T10:10:15.123456",
      "2026-05-19T10:10:15.123456+00:00", "2026-05-19 10:10:15.123456Z",
      "2026-05-19t10:10:15.123456z", "2026-05-19T10:10:15,123456Z", " 2026-05-19T10:10:15.12345Z",
      "2026-05-19T24:00:00.000000Z", "2026-05-19T23:60:00.000000Z", "2026-05-19T23:59:60.000000Z",
      "2026-02-29T00:00:00.000000Z", "2026-05-19T-1:10:15.123456Z", "2026-05-19T10:+1:15.123456Z",
      "2026-05-19T10:10:15.12345 Z", "2026-05-19T10-10-15.123456Z", "2026-05-19T10:10:15.123456Z ");
  CAPTURE(text);
  CHECK_FALSE(Timestamp::parse(text));
}

TEST_CASE("add_days: moves by whole days, keeping the microsecond") {
  CHECK(add_days({1'779'185'415'123'456}, 14).to_string() == "2026-06-02T10:10:15.123456Z");
  CHECK(add_days({1'779'185'415'123'456}, 3650).to_string() == "2036-05-16T10:10:15.123456Z");
  CHECK(add_days({0}, -1).to_string() == "1969-12-31T00:00:00.000000Z");
  CHECK(add_days({5}, 0) == Timestamp{5});
}

TEST_CASE("Date: a day that exists is read and written alike") {
  const auto text = GENERATE(as<std::string>(), "2026-05-19", "2024-02-29", "2000-02-29",
                             "0001-01-01", "9999-12-31", "1970-01-01");
  const auto date = Date::parse(text);
  REQUIRE(date);
  CHECK(date->to_string() == text);
}

TEST_CASE("Date: a day that does not exist is refused") {
  const auto text = GENERATE(as<std::string>(), "2026-02-29", "1900-02-29", "2100-02-29",
                             "2026-02-30", "2026-04-31", "2026-00-10", "2026-13-01", "2026-01-00",
                             "2026-01-32", "0000-01-01", "0000-02-29");
  CAPTURE(text);
  CHECK_FALSE(Date::parse(text));
}

TEST_CASE("Date: any other spelling is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", "2026-5-19", "26-05-19", "20260519", "2026/05/19",
               "19-05-2026", " 2026-05-19", "2026-05-19 ", "2026-05-19T", "-026-05-19",
               "+026-05-19", "10000-01-01", "2026-0x-19", "2026-05--1", "2026-05-1 ");
  CAPTURE(text);
  CHECK_FALSE(Date::parse(text));
}

TEST_CASE("Date: is ordered by the calendar") {
  CHECK(Date{2025, 12, 31} < Date{2026, 1, 1});
  CHECK(Date{2026, 1, 31} < Date{2026, 2, 1});
  CHECK(Date{2026, 2, 1} < Date{2026, 2, 2});
}

TEST_CASE("utc_date: the day changes at midnight in UTC, to the microsecond") {
  CHECK(utc_date({0}) == Date{1970, 1, 1});
  CHECK(utc_date({-1}) == Date{1969, 12, 31});
  CHECK(utc_date({kDayUs - 1}) == Date{1970, 1, 1});
  CHECK(utc_date({kDayUs}) == Date{1970, 1, 2});
  CHECK(utc_date({951'868'799'999'999}) == Date{2000, 2, 29});
  CHECK(utc_date({951'868'800'000'000}) == Date{2000, 3, 1});
}

TEST_CASE("SystemClock: tells the time of the system") {
  const auto unix_us = [] {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  };
  const std::int64_t before = unix_us();
  const Timestamp now = SystemClock().now();
  CHECK(now.unix_us >= before);
  CHECK(now.unix_us <= unix_us());
}

}  // namespace
}  // namespace registry
