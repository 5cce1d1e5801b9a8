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

TEST_CASE("Timestamp: what it writes, it reads as RFC 3339 as well") {
  for (const auto& [unix_us, text] : moments()) {
    CAPTURE(text);
    CHECK(Timestamp::parse_rfc3339(text) == Timestamp{unix_us});
  }
}

TEST_CASE("Timestamp: every spelling of RFC 3339 is the moment in UTC") {
  struct Case {
    std::string given;
    std::string utc;
  };
  const Case row = GENERATE(values<Case>({
      {"2026-05-19T10:10:15Z", "2026-05-19T10:10:15.000000Z"},
      {"2026-05-19t10:10:15z", "2026-05-19T10:10:15.000000Z"},
      {"2026-05-19T10:10:15.5Z", "2026-05-19T10:10:15.500000Z"},
      {"2026-05-19T10:10:15.000001Z", "2026-05-19T10:10:15.000001Z"},
      {"2026-05-19T10:10:15.123456789Z", "2026-05-19T10:10:15.123456Z"},  // cut off, not rounded
      {"2026-05-19T10:10:15.9999999Z", "2026-05-19T10:10:15.999999Z"},
      {"2026-05-19T10:10:15.12345678901234567890+00:00", "2026-05-19T10:10:15.123456Z"},
      {"2026-05-19T10:10:15+00:00", "2026-05-19T10:10:15.000000Z"},
      {"2026-05-19T10:10:15-00:00", "2026-05-19T10:10:15.000000Z"},
      {"2026-05-19T10:10:15+05:30", "2026-05-19T04:40:15.000000Z"},
      {"2026-05-19T10:10:15-05:30", "2026-05-19T15:40:15.000000Z"},
      {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"},
      {"2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00.000000Z"},
      {"2024-03-01T00:00:00+23:59", "2024-02-29T00:01:00.000000Z"},
      {"2023-02-28T23:59:59.5-23:59", "2023-03-01T23:58:59.500000Z"},
      {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},  // a leap second
      {"2017-01-01T00:59:60.25+01:00", "2017-01-01T00:00:00.250000Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
      {"0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00.000000Z"},
      {"0001-01-01T00:00:00-01:00", "0001-01-01T01:00:00.000000Z"},
      {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"},
      {"9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59.000000Z"},
  }));
  CAPTURE(row.given);
  const auto moment = Timestamp::parse_rfc3339(row.given);
  REQUIRE(moment);
  CHECK(moment->to_string() == row.utc);
}

TEST_CASE("Timestamp: any number of decimals is read, up to a limit") {
  for (std::size_t decimals = 1; decimals <= 20; ++decimals) {
    CAPTURE(decimals);
    CHECK(Timestamp::parse_rfc3339("1970-01-01T00:00:00." + std::string(decimals, '0') + "Z") ==
          Timestamp{0});
  }
  CHECK_FALSE(Timestamp::parse_rfc3339("1970-01-01T00:00:00." + std::string(100'000, '0') + "Z"));
}

TEST_CASE("Timestamp: a moment outside the years 1 to 9999 is refused") {
  const auto text =
      GENERATE(as<std::string>(), "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01",
               "0001-01-01T00:59:59.999999+01:00", "9999-12-31T23:59:59-00:01",
               "9999-12-31T23:59:60Z", "9999-12-31T23:00:00-01:00", "10000-01-01T00:00:00Z");
  CAPTURE(text);
  CHECK_FALSE(Timestamp::parse_rfc3339(text));
}

TEST_CASE("Timestamp: what is not RFC 3339 is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", "2026-05-19", "2026-05-19T10:10:15", "2026-05-19T10:10Z",
               "2026-05-19 10:10:15Z", "2026-05-19T10:10:15.Z", "2026-05-19T10:10:15,5Z",
               "2026-05-19T10:10:15.5", "2026-05-19T10:10:15.5.5Z", "2026-05-19T10:10:15.5aZ",
               "2026-05-19T10:10:15.-5Z", "2026-05-19T10:10:15+0100", "2026-05-19T10:10:15+01",
               "2026-05-19T10:10:15+1:00", "2026-05-19T10:10:15+24:00", "2026-05-19T10:10:15+01:60",
               "2026-05-19T10:10:15+-1:00", "2026-05-19T10:10:15Z+01:00", "2026-05-19T10:10:15ZZ",
               "2026-05-19T10:10:15Z ", " 2026-05-19T10:10:15Z", "2026-05-19T24:00:00Z",
               "2026-05-19T23:60:00Z", "2026-05-19T23:59:61Z", "2026-02-29T00:00:00Z",
               "2026-05-19T-1:10:15Z", "2026-05-19T10:+1:15Z", "2026-05-19T10-10-15Z",
               "2026-5-19T10:10:15Z", "20260519T101015Z", "2026-W21-2T10:10:15Z", "now",
               "1779185415", "Tue, 19 May 2026 10:10:15 GMT",
               "2026-05-19T10:10:15\xE2\x88\x92"
               "01:00");
  CAPTURE(text);
  CHECK_FALSE(Timestamp::parse_rfc3339(text));
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
