#include "common/app/metrics.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

using std::chrono::microseconds;

class MetricsTest {
 protected:
  [[nodiscard]] std::unique_ptr<Metrics> start(std::string_view function) const {
    auto file = open_counters(path_, function);
    REQUIRE(file);
    return std::make_unique<Metrics>(std::move(*file));
  }
  [[nodiscard]] std::string text() const {
    const auto text = metrics_text(path_);
    REQUIRE(text);
    return "\n" + *text;
  }
  // Whether the text has this line.
  [[nodiscard]] bool has(const std::string& line) const {
    return text().find("\n" + line + "\n") != std::string::npos;
  }

  test::TempFolder folder_;
  std::string path_ = folder_.path() + "/metrics";
};

TEST_CASE_METHOD(MetricsTest, "metrics_text: requests of each function, by status") {
  const auto get = start("tenant_get");
  const auto create = start("tenant_create");
  get->count_request(200, microseconds{700}, microseconds{500});
  get->count_request(200, microseconds{1'300}, microseconds{1'000'250});
  get->count_request(404, microseconds{10}, microseconds{0});
  create->count_request(201, microseconds{20'000'000}, microseconds{0});
  CHECK(has(R"(tenant_registry_requests_total{function="tenant_get",status="200"} 2)"));
  CHECK(has(R"(tenant_registry_requests_total{function="tenant_get",status="404"} 1)"));
  CHECK(has(R"(tenant_registry_requests_total{function="tenant_create",status="201"} 1)"));
  CHECK(has(R"(tenant_registry_store_seconds_total{function="tenant_get"} 1.00075)"));
}

TEST_CASE_METHOD(MetricsTest, "metrics_text: each bucket has what is not longer than its bound") {
  const auto metrics = start("op");
  for (const int us : {1, 500, 501, 1'000, 10'000'000, 10'000'001}) {
    metrics->count_request(200, microseconds{us}, microseconds{0});
  }
  const std::string bucket = R"(tenant_registry_request_duration_seconds_bucket{function="op",le=)";
  CHECK(has(bucket + R"("0.0005"} 2)"));
  CHECK(has(bucket + R"("0.001"} 4)"));
  CHECK(has(bucket + R"("2.5"} 4)"));
  CHECK(has(bucket + R"("10"} 5)"));
  CHECK(has(bucket + R"("+Inf"} 6)"));
  CHECK(has(R"(tenant_registry_request_duration_seconds_count{function="op"} 6)"));
  CHECK(has(R"(tenant_registry_request_duration_seconds_sum{function="op"} 20.002003)"));
}

TEST_CASE_METHOD(MetricsTest, "Metrics: a new process goes on where the former one ended") {
  start("op")->count_request(200, microseconds{1}, microseconds{0});
  {
    const auto first = start("op");
    first->enter_argon2_queue();
    first->count_request(200, microseconds{1}, microseconds{0});
    const auto beside = start("op");
    beside->enter_argon2_queue();
    CHECK(has(R"(tenant_registry_argon2_queue{function="op"} 2)"));
    beside->leave_argon2_queue();
    CHECK(has(R"(tenant_registry_argon2_queue{function="op"} 1)"));
  }
  const auto last = start("op");
  CHECK(has(R"(tenant_registry_requests_total{function="op",status="200"} 2)"));
  CHECK(has(R"(tenant_registry_process_starts_total{function="op"} 4)"));
  // Whoever waited in a process that ended waits no longer.
  CHECK(has(R"(tenant_registry_argon2_queue{function="op"} 0)"));
}

TEST_CASE_METHOD(MetricsTest, "metrics_text: failures of the store, keys, and the version") {
  const auto metrics = start("op");
  metrics->count_store_failure(StoreFailure::kUnavailable);
  metrics->count_key_event(KeyEvent::kMatchRemembered);
  metrics->count_key_event(KeyEvent::kFailure);
  CHECK(has(R"(tenant_registry_store_errors_total{function="op",kind="unavailable"} 1)"));
  CHECK(has(R"(tenant_registry_store_errors_total{function="op",kind="failed"} 0)"));
  CHECK(has(R"(tenant_registry_api_key_proofs_total{function="op",result="match_remembered"} 1)"));
  CHECK(has(R"(tenant_registry_api_key_proofs_total{function="op",result="failed"} 1)"));
  CHECK(has(R"(tenant_registry_api_key_proofs_total{function="op",result="argon2"} 0)"));
  CHECK(text().find(R"(tenant_registry_build_info{function="op",version=")") != std::string::npos);
}

TEST_CASE_METHOD(MetricsTest, "metrics_text: what is no function's file is left out, and counted") {
  start("op")->count_request(200, microseconds{1}, microseconds{0});
  test::write_file(path_ + "/broken", "not counters");
  test::write_file(path_ + "/empty", "");
  test::write_file(path_ + "/not.a.function", "not counters");
  auto foreign = CounterFile::open(path_ + "/foreign", {});
  REQUIRE(foreign);
  foreign->counter("requests|200\"} 1\nforged 1").add();
  foreign->counter("unknown").add();
  foreign->counter("requests").add();
  foreign->counter("store_us|label").add();
  CHECK(has("tenant_registry_unreadable_metrics_files 1"));
  CHECK(has(R"(tenant_registry_requests_total{function="op",status="200"} 1)"));
  CHECK(text().find("foreign") == std::string::npos);
  CHECK(text().find("forged") == std::string::npos);
}

TEST_CASE_METHOD(MetricsTest, "metrics_text: a folder that is not there is an error") {
  CHECK_FALSE(metrics_text(path_));
}

}  // namespace
}  // namespace registry
