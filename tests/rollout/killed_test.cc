// A rollout that does not come to its end, and two at once.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <poll.h>
#include <signal.h>

#include "tests/rollout/rollout_service.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHung = "catalog_list";
const std::string kHungWell = std::string("ready ") + kHung;

bool is_tried_out(const RolloutService& service) {
  return fs::is_symlink(service.state_folder() + "/candidate/" + kHung);
}

// A rollout that hangs as long as its check lets it: while it tries the release out, or when the
// release is the running one.
Process hanging_rollout(RolloutService& service, bool is_live) {
  const std::string first = service.linked(kHung);
  const std::string file =
      is_live ? service.stub(kHungWell, "deaf") : service.stub("deaf", kHungWell);
  Process process = service.start_rollout({"deploy", kHung, file, "--version", "hanging"});
  wait_until("the rollout to hang",
             [&] { return is_live ? service.linked(kHung) != first : is_tried_out(service); });
  return process;
}

void require_answer(const RolloutService& service) {
  REQUIRE(service.client().get("/v1/catalog").status == 200);
}

}  // namespace

TEST_CASE("rollout: after kill -9 the next command takes back what was begun", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string first = service.linked(kHung);
  const bool is_live = GENERATE(false, true);
  CAPTURE(is_live);
  {
    Process process = hanging_rollout(service, is_live);
    // At once where the release runs: after a while the former one would leave it alone, to see
    // whether it answers then.
    if (!is_live) REQUIRE(service.status(kHung).at("rollout").at("state") == "at work");
    process.signal(SIGKILL);
    REQUIRE(process.wait() == -SIGKILL);
  }
  const Json status = service.status(kHung);
  REQUIRE(status.at("rollout").at("state") == "interrupted");
  REQUIRE(status.at("rollout").at("version") == "hanging");
  REQUIRE(status.at("version") == (is_live ? "hanging" : first));
  // The other process of the function serves.
  require_answer(service);

  SECTION("undo is just that") {
    const Output output = service.patient_rollout({"undo", kHung});
    CAPTURE(output.errors);
    REQUIRE(output.exit_code == 0);
    REQUIRE(output.errors.find("the rollout of hanging was killed") != std::string::npos);
    REQUIRE(service.last_record(kHung).at("state") == "interrupted");
    service.require_settled(kHung, first);
  }
  SECTION("deploy goes on from there") {
    const std::string next = unique_name("next");
    const Output output = service.patient_rollout(
        {"deploy", kHung, service.stub(kHungWell, kHungWell), "--version", next});
    CAPTURE(output.errors);
    REQUIRE(output.exit_code == 0);
    service.require_settled(kHung, next);
    REQUIRE(service.patient_rollout({"undo", kHung}).exit_code == 0);
    service.require_settled(kHung, first);
  }
  REQUIRE_FALSE(service.releases(kHung).contains("hanging"));
  require_answer(service);
}

TEST_CASE("rollout: killed at any moment, it leaves a link to a whole release", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string first = service.linked(kHung);
  const std::string build = service.package() + "/" + kHung;
  // From the start of the interpreter to beyond the last step.
  for (int moment_ms = 60; moment_ms < 1'200; moment_ms += 110) {
    CAPTURE(moment_ms);
    const std::string file = service.another_build_of(kHung);
    Process process = service.start_rollout({"deploy", kHung, file, "--version", "killed"});
    ::poll(nullptr, 0, moment_ms);  // which moment it is does not matter
    if (process.is_running()) process.signal(SIGKILL);
    static_cast<void>(process.wait());
    const std::string linked = service.linked(kHung);
    REQUIRE((linked == first || linked == "killed"));
    const std::string expected = linked == first ? build : file;
    const bool is_whole =
        read_file(service.state_folder() + "/running/" + kHung) == read_file(expected);
    REQUIRE(is_whole);
    require_answer(service);
    // It may have come to its end: then this is an undo like any other. Or it had not yet begun.
    const int code = service.patient_rollout({"undo", kHung}).exit_code;
    REQUIRE((code == 0 || (code == 66 && linked == first)));
    service.require_settled(kHung, first);
    for (const std::string& name : service.releases(kHung)) {
      CAPTURE(name);
      REQUIRE(name.find("new") == std::string::npos);
    }
    fs::remove(service.state_folder() + "/releases/" + kHung + "/killed");
  }
}

TEST_CASE("rollout: SIGINT and SIGTERM take the release back, and it says so", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string first = service.linked(kHung);
  const int number = GENERATE(SIGINT, SIGTERM);
  const bool is_live = GENERATE(false, true);
  CAPTURE(number, is_live);
  Process process = hanging_rollout(service, is_live);
  process.signal(number);
  REQUIRE(process.wait() == 1);
  const Json record = service.last_record(kHung);
  REQUIRE(record.at("state") == (is_live ? "taken back" : "refused"));
  REQUIRE(record.at("reason") ==
          std::string("interrupted by ") + (number == SIGINT ? "SIGINT" : "SIGTERM"));
  service.require_settled(kHung, first);
  require_answer(service);
}

TEST_CASE("rollout: of two at once the second has exit code 75 and changes nothing", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string first = service.linked(kHung);
  Process process = hanging_rollout(service, /*is_live=*/false);
  const auto before = service.history(kHung);
  for (const std::vector<std::string>& second : std::vector<std::vector<std::string>>{
           {"deploy", kHung, service.stub(kHungWell, kHungWell)}, {"undo", kHung}}) {
    const Output output = service.rollout(second);
    REQUIRE(output.exit_code == 75);
    REQUIRE(output.errors == std::string("rollout: ") + kHung + ": another rollout is at work\n");
  }
  REQUIRE(service.history(kHung) == before);
  // Another function's is no matter of the lock.
  REQUIRE(service.rollout({"undo", "health_live"}).exit_code == 66);
  process.signal(SIGTERM);
  REQUIRE(process.wait() == 1);
  service.require_settled(kHung, first);
}

}  // namespace registry::test
