#include "common/base/log.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/captured_log.h"

namespace registry {
namespace {

// Up to here a write to a pipe is atomic on Linux.
constexpr std::size_t kPipeBufBytes = 4096;

class LogTest {
 protected:
  [[nodiscard]] Log make_log(LogLevel threshold) const {
    return {threshold, "tenant_get", clock_, captured_.fd()};
  }
  [[nodiscard]] const test::CapturedLog& captured() const { return captured_; }

 private:
  test::FakeClock clock_{{1'779'185'415'123'456}};
  test::CapturedLog captured_;
};

TEST_CASE_METHOD(LogTest, "Log: a request is one line with exactly these members") {
  make_log(LogLevel::kInfo)
      .request({.request_id = "abc",
                .method = "GET",
                .route = "/v1/tenants/{id}",
                .status = 200,
                .duration_us = 1234,
                .store_us = 1000,
                .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                .principal = "f1c5",
                .tenant = "00000000-0000-0000-0000-000000000001"});
  CHECK(captured().text() ==
        R"({"time":"2026-05-19T10:10:15.123456Z","level":"info","function":"tenant_get",)"
        R"("request_id":"abc","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","method":"GET",)"
        R"("route":"/v1/tenants/{id}","status":200,"duration_us":1234,"store_us":1000,)"
        R"("principal":"f1c5","tenant":"00000000-0000-0000-0000-000000000001"})"
        "\n");
}

TEST_CASE_METHOD(LogTest, "Log: what is not known of a request is left out") {
  make_log(LogLevel::kInfo)
      .request({.request_id = "abc", .method = "GET", .route = "/healthz", .status = 200});
  CHECK(captured().text() ==
        R"({"time":"2026-05-19T10:10:15.123456Z","level":"info","function":"tenant_get",)"
        R"("request_id":"abc","method":"GET","route":"/healthz","status":200,"duration_us":0,)"
        R"("store_us":0})"
        "\n");
}

TEST_CASE_METHOD(LogTest, "Log: a message is one line, with a request id where there is one") {
  const Log log = make_log(LogLevel::kInfo);
  log.message(LogLevel::kWarn, "first");
  log.message(LogLevel::kError, "second", "abc");
  CHECK(captured().text() ==
        R"({"time":"2026-05-19T10:10:15.123456Z","level":"warn","function":"tenant_get",)"
        R"("msg":"first"})"
        "\n"
        R"({"time":"2026-05-19T10:10:15.123456Z","level":"error","function":"tenant_get",)"
        R"("request_id":"abc","msg":"second"})"
        "\n");
}

TEST_CASE_METHOD(LogTest, "Log: a request that failed inside is an error, any other is not") {
  const Log log = make_log(LogLevel::kInfo);
  for (const int status : {200, 404, 499, 500, 503}) {
    log.request(
        {.request_id = "r", .method = "GET", .route = "/", .status = status, .duration_us = 0});
  }
  std::vector<std::string> levels;
  for (const auto& line : captured().lines()) levels.push_back(line.at("level"));
  CHECK(levels == std::vector<std::string>{"info", "info", "info", "error", "error"});
}

TEST_CASE_METHOD(LogTest, "Log: what is below the threshold is left out") {
  const std::vector<LogLevel> levels = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn,
                                        LogLevel::kError};
  for (const LogLevel threshold : levels) {
    for (const LogLevel level : levels) {
      const std::size_t before = captured().lines().size();
      make_log(threshold).message(level, "x");
      CHECK(captured().lines().size() - before == (level >= threshold ? 1 : 0));
    }
  }
}

TEST_CASE_METHOD(LogTest,
                 "Log: answered requests disappear above the threshold, failed ones stay") {
  const Log log = make_log(LogLevel::kError);
  for (const int status : {200, 500}) {
    log.request(
        {.request_id = "r", .method = "GET", .route = "/", .status = status, .duration_us = 0});
  }
  REQUIRE(captured().lines().size() == 1);
  CHECK(captured().lines().front().at("status") == 500);
}

TEST_CASE_METHOD(LogTest, "Log: a message cannot forge a line or break the JSON") {
  using namespace std::string_view_literals;
  make_log(LogLevel::kInfo)
      .message(LogLevel::kInfo, "a\"}\n{\"level\":\"error\"\r\0\x1B\xFF\xC0\xAF\\"sv);
  REQUIRE(captured().lines().size() == 1);
  CHECK(captured().lines().front().at("msg") == "a\"}?{\"level\":\"error\"??????\\");
}

TEST_CASE_METHOD(LogTest, "Log: the longest line is written to a pipe in one piece") {
  const auto text = GENERATE(as<std::string>(), std::string(100'000, 'x'),
                             std::string(100'000, '"'), std::string(100'000, '\\'),
                             std::string(100'000, '\n'), std::string(100'000, '\xFF'));
  make_log(LogLevel::kInfo).message(LogLevel::kInfo, text, std::string(64, 'r'));
  REQUIRE(captured().lines().size() == 1);
  CHECK(captured().text().size() <= kPipeBufBytes);
  CHECK(captured().lines().front().at("msg").get<std::string>().size() == 1024);
}

TEST_CASE_METHOD(LogTest, "Log: lines of several threads do not mix") {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const Log log = make_log(LogLevel::kInfo);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&log, thread] {
      for (int line = 0; line < kLines; ++line) {
        log.message(LogLevel::kInfo, std::to_string(thread) + "-" + std::to_string(line));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> seen;
  for (const auto& line : captured().lines()) seen.insert(line.at("msg"));
  CHECK(seen.size() == std::size_t{kThreads} * kLines);
}

TEST_CASE("Log: a line that cannot be written is dropped") {
  const test::FakeClock clock{{0}};
  Log(LogLevel::kDebug, "f", clock, -1).message(LogLevel::kError, "x");
  SUCCEED();
}

}  // namespace
}  // namespace registry
