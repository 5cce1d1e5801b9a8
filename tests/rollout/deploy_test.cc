// A function gets releases, good ones and bad ones, while clients call the service.
#include <string>
#include <vector>

#include "tests/rollout/load.h"
#include "tests/support/catch.h"

namespace registry::test {
namespace {

constexpr const char* kReader = "tenant_get_by_slug";
constexpr const char* kWriter = "audit_append";

// How many deploys and undos, see load.h. Over Postgres, whose part in them is small, it is fewer.
int rounds() {
  return proof_rounds().value_or(is_on_postgres() ? 2 : 6);
}

// A build that is well on top of the first one, which `undo` goes back to.
void deploy_and_undo(RolloutService& service, const std::string& function, int times, Load& load) {
  const std::string first = service.linked(function);
  for (int i = 0; i < times; i += 2) {
    const std::string version = "build-" + std::to_string(i);
    const Output deployed = service.patient_rollout(
        {"deploy", function, service.another_build_of(function), "--version", version});
    CAPTURE(function, i, deployed.errors);
    REQUIRE(deployed.exit_code == 0);
    service.require_settled(function, version);
    load.wait_for_answers(20);
    const Output undone = service.patient_rollout({"undo", function});
    CAPTURE(undone.errors);
    REQUIRE(undone.exit_code == 0);
    service.require_settled(function, first);
    load.wait_for_answers(20);
  }
}

}  // namespace

TEST_CASE("rollout: deploys and undos under load lose no request, and no write") {
  RolloutService& service = shared_rollout_service();
  const std::string function = GENERATE(as<std::string>(), kReader, kWriter);
  Load load(service);
  deploy_and_undo(service, function, rounds(), load);
  load.require_all_well();
  const std::vector<std::string> log_problems = service.log_problems();
  CAPTURE(log_problems);
  CHECK(log_problems.empty());
  WARN(rounds() << " deploys and undos of " << function << ", " << load.answers()
                << " requests, the longest took " << load.longest_wait().count() << " ms");
}

TEST_CASE("rollout: releases that are broken meet no client", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string function = kWriter;
  const std::string first = service.linked(function);
  struct Broken {
    std::string what;
    std::string file;
    std::string reason;
  };
  const std::string well = std::string("ready ") + kWriter;
  const std::vector<Broken> releases = {
      {"exits at once", service.stub("exit 1", well), "exit status 1: stub: leaves with 1"},
      {"is misconfigured", service.stub("exit 78", well), "exit status 78"},
      {"hangs before it accepts", service.stub("deaf", well), "no answer within 4 s"},
      {"hangs before it answers", service.stub("mute", well), "no answer within 4 s"},
      {"answers what nobody understands", service.stub("garbage", well), "an answer that is none"},
      {"is another function", service.stub("ready tenant_get", well), "answers as tenant_get"},
      {"needs a newer schema", service.stub("unready the schema is too old", well),
       "503: the schema is too old"},
      {"is another function's build", service.another_build_of(kReader),
       std::string("answers as ") + kReader},
      {"is not executable", service.file(read_file(service.package() + "/" + kWriter), false),
       "is not executable"},
      {"is a script", service.file("#!/bin/sh\nexit 0\n"), "is no ELF file"},
      {"exits once it runs", service.stub(well, "exit 3"), "taken back: it ended"},
      {"is deaf once it runs", service.stub(well, "deaf"), "taken back: no answer within"},
  };
  const auto releases_before = service.releases(function);
  Load load(service);
  for (const Broken& release : releases) {
    CAPTURE(release.what);
    const Output output = service.rollout({"deploy", function, release.file});
    CAPTURE(output.errors);
    CHECK(output.exit_code == 1);
    CHECK(output.output.empty());
    CHECK(output.errors.starts_with("rollout: " + function + ": "));
    CHECK(output.errors.find('\n') == output.errors.size() - 1);
    CHECK(output.errors.find(release.reason) != std::string::npos);
    const Json record = service.last_record(function);
    const bool is_live = output.errors.find("taken back") != std::string::npos;
    CHECK(record.at("state") == (is_live ? "taken back" : "refused"));
    const std::string reason = record.at("reason");
    CHECK(output.errors.find(reason) != std::string::npos);
    CHECK(service.status(function).at("rollout").at("reason") == reason);
    service.require_settled(function, first);
    load.wait_for_answers(20);
  }
  load.require_all_well();
  // Of what did not run well nothing is kept.
  CHECK(service.releases(function) == releases_before);
}

TEST_CASE("rollout: a release that answers badly once it runs is taken back", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string function = "catalog_list";
  const std::string first = service.linked(function);
  const std::string well = "ready " + function;
  const std::string deed =
      GENERATE(as<std::string>(), "unready no keys", "mute", "ready tenant_get");
  const Output output = service.rollout({"deploy", function, service.stub(well, deed)});
  CAPTURE(deed, output.errors);
  REQUIRE(output.exit_code == 1);
  REQUIRE(service.last_record(function).at("state") == "taken back");
  service.require_settled(function, first);
  REQUIRE(service.client().get("/v1/catalog").status == 200);
}

TEST_CASE("rollout: when the former release does not run either, the exit code is 2",
          "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string function = "entitlement_list";
  const std::string well = "ready " + function;
  REQUIRE(service.rollout({"deploy", function, service.stub(well, well), "--version", "lame"})
              .exit_code == 0);
  // It fails from now on, as a release would whose configuration was changed in between.
  const std::string path = service.state_folder() + "/releases/" + function + "/lame";
  const std::string replacement = service.stub(well, "exit 3");
  REQUIRE(std::rename(replacement.c_str(), path.c_str()) == 0);
  const Output output = service.rollout({"deploy", function, service.stub(well, "exit 4")});
  CAPTURE(output.errors);
  REQUIRE(output.exit_code == 2);
  REQUIRE(output.errors.find("leaves with 4") != std::string::npos);
  REQUIRE(output.errors.find("lame does not run either: it ended") != std::string::npos);
  REQUIRE(service.last_record(function).at("state") == "failed");
  REQUIRE(service.linked(function) == "lame");
  REQUIRE(service.patient_rollout({"undo", function}).exit_code == 0);
  service.require_settled(function, "first");
}

TEST_CASE("rollout: while nothing can serve, undo goes back to a release that answers",
          "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string function = "entitlement_list";
  const std::string well = "ready " + function;
  for (const char* version : {"before", "after"}) {
    const Output output =
        service.rollout({"deploy", function, service.stub(well, well), "--version", version});
    REQUIRE(output.exit_code == 0);
  }
  // From now on it says what any release says without its database.
  const std::string path = service.state_folder() + "/releases/" + function + "/before";
  const std::string outage = "unready the database is away";
  const std::string replacement = service.stub(outage, outage);
  REQUIRE(std::rename(replacement.c_str(), path.c_str()) == 0);
  const Output output = service.rollout({"undo", function});
  CAPTURE(output.errors);
  REQUIRE(output.exit_code == 0);
  REQUIRE(output.output.find("before runs (not ready: 503: the database is away)") !=
          std::string::npos);
  REQUIRE(service.linked(function) == "before");
  REQUIRE(service.patient_rollout({"undo", function}).exit_code == 0);
  service.require_settled(function, "first");
}

}  // namespace registry::test
