// What deploy/rollout refuses to begin with, what it keeps, and what it tells.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/rollout/rollout_service.h"
#include "tests/support/catch.h"

namespace registry::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKept = "health_live";
const std::string kKeptWell = std::string("ready ") + kKept;

// Where nothing runs: rollout only keeps the releases.
class Shelf {
 public:
  Shelf() {
    fs::create_directory(folder_.path() + "/package");
    write_file(folder_.path() + "/supervisord.conf",
               "[supervisorctl]\nserverurl=unix://" + folder_.path() + "/nobody.sock\n");
  }

  [[nodiscard]] Output rollout(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {source_folder() + "/deploy/rollout",
                                    "--state",
                                    state(),
                                    "--run",
                                    folder_.path() + "/run",
                                    "--operations",
                                    shared_rollout_service().operations_file(),
                                    "--supervisor",
                                    folder_.path() + "/supervisord.conf"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program({.arguments = all});
  }
  // A package with one function that runs nowhere.
  void pack(const std::string& note) const {
    const std::string path = package() + "/" + kKept;
    write_file(path, read_file(build_folder() + "/tests/stub_function") + "\n#stub candidate " +
                         kKeptWell + "\n#stub note " + note + "\n");
    ::chmod(path.c_str(), 0755);
  }
  [[nodiscard]] std::string linked() const {
    return fs::read_symlink(state() + "/running/" + kKept).filename().string();
  }
  [[nodiscard]] std::string state() const { return folder_.path() + "/state"; }
  [[nodiscard]] std::string package() const { return folder_.path() + "/package"; }
  [[nodiscard]] std::string releases() const { return state() + "/releases/" + kKept; }
  [[nodiscard]] std::size_t release_count() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(releases())) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("history") && name != "lock") ++count;
    }
    return count;
  }

 private:
  TempFolder folder_;
};

}  // namespace

TEST_CASE("rollout: what cannot be meant changes nothing and is told in one line", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string good = service.stub(kKeptWell, kKeptWell);
  const fs::path pipe = service.file("");
  fs::remove(pipe);
  REQUIRE(::mkfifo(pipe.c_str(), 0700) == 0);
  const std::vector<std::pair<int, std::vector<std::string>>> mistakes = {
      {64, {"deploy", "no_such_function", good}},
      {64, {"deploy", "../health_live", good}},
      {64, {"deploy", "", good}},
      {64, {"undo", "no_such_function"}},
      {64, {"history", "no_such_function"}},
      {66, {"deploy", kKept, "/nowhere/file"}},
      {66, {"deploy", kKept, "/"}},
      {66, {"deploy", kKept, pipe.string()}},
      {66, {"adopt", "/nowhere"}},
      {66, {"status", "--operations", "/nowhere"}},
      {66, {"status", "--supervisor", "/nowhere"}},
      {66, {"undo", kKept}},
      {64, {"deploy", kKept, good, "--version", "a/b"}},
      {64, {"deploy", kKept, good, "--version", ".."}},
      {64, {"deploy", kKept, good, "--version", "1..2"}},
      {64, {"deploy", kKept, good, "--version", ".hidden"}},
      {64, {"deploy", kKept, good, "--version", "two words"}},
      {64, {"deploy", kKept, good, "--version", "history"}},
      {64, {"deploy", kKept, good, "--version", std::string(129, 'v')}},
      {64, {"deploy", kKept, good, "--version", "first"}},
      {64, {"deploy", kKept}},
      {64, {"deploy", kKept, good, "--check-limit", "0"}},
      {64, {}},
      {64, {"start", kKept}},
  };
  const auto before = service.history(kKept);
  for (const auto& [code, arguments] : mistakes) {
    CAPTURE(arguments);
    const Output output = service.rollout(arguments);
    CHECK(output.exit_code == code);
    CHECK(output.output.empty());
    CHECK(output.errors.starts_with("rollout: "));
    CHECK(output.errors.find('\n') == output.errors.size() - 1);
    CHECK(service.history(kKept) == before);
    CHECK(service.releases(kKept) == std::set<std::string>{"first"});
  }
  service.require_settled(kKept, "first");
}

TEST_CASE("rollout: undo goes down the stack of what ran well, to its bottom", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  for (const char* version : {"a", "b"}) {
    const std::string file = service.stub(kKeptWell, kKeptWell);
    REQUIRE(service.patient_rollout({"deploy", kKept, file, "--version", version}).exit_code == 0);
  }
  REQUIRE(service.rollout({"deploy", kKept, service.stub("exit 1", kKeptWell)}).exit_code == 1);
  const std::string file = service.stub(kKeptWell, kKeptWell);
  REQUIRE(service.patient_rollout({"deploy", kKept, file}).exit_code == 0);
  const std::string unnamed = service.linked(kKept);
  REQUIRE(unnamed.size() == std::string("20260519T101015Z-0123456789ab").size());
  for (const char* version : {"b", "a", "first"}) {
    REQUIRE(service.patient_rollout({"undo", kKept}).exit_code == 0);
    service.require_settled(kKept, version);
  }
  const Output output = service.rollout({"undo", kKept});
  REQUIRE(output.exit_code == 66);
  REQUIRE(output.errors.find("no release to go back to") != std::string::npos);

  const auto history = service.history(kKept);
  const auto undone = std::count_if(history.begin(), history.end(), [](const Json& record) {
    return record.at("action") == "undo" && record.at("state") == "done";
  });
  REQUIRE(undone == 3);
  REQUIRE(history.back().at("from") == "a");
  REQUIRE_FALSE(history.back().at("who").get<std::string>().empty());
  const Json status = service.status(kKept);
  REQUIRE(status.at("version") == "first");
  REQUIRE(status.at("state") == "active");
  REQUIRE(status.at("since").get<std::string>().ends_with("Z"));
  REQUIRE(status.at("rollout").is_null());
  const Output table = service.rollout({"status"});
  REQUIRE(table.output.find(std::string(kKept) + " ") != std::string::npos);
  REQUIRE(service.rollout({"history", kKept}).output.find(": undo first: done\n") !=
          std::string::npos);
  for (const std::string& name : service.releases(kKept)) {
    if (name != "first") fs::remove(service.state_folder() + "/releases/" + kKept + "/" + name);
  }
}

TEST_CASE("rollout: a candidate has the variables of --env", "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string variables = service.file("# A comment\nWORKERS=none\n", false);
  const Output output =
      service.rollout({"deploy", kKept, service.another_build_of(kKept), "--env", variables});
  REQUIRE(output.exit_code == 1);
  REQUIRE(output.errors.find("exit status 78: health_live: WORKERS: ") != std::string::npos);
  service.require_settled(kKept, "first");
}

TEST_CASE("adopt: links what does not run, and does nothing a second time", "[embedded]") {
  const Shelf shelf;
  shelf.pack("one");
  const Output first = shelf.rollout({"adopt", shelf.package(), "--version", "1.0"});
  CAPTURE(first.errors);
  REQUIRE(first.exit_code == 0);
  REQUIRE(first.output == "health_live: 1.0 is linked, and runs once its function is started\n");
  REQUIRE(shelf.linked() == "1.0");
  const std::string history = read_file(shelf.releases() + "/history");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "1.0"}).exit_code == 0);
  REQUIRE(read_file(shelf.releases() + "/history") == history);

  // A package that was built anew under the same version.
  shelf.pack("one again");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "1.0"}).exit_code == 0);
  REQUIRE(shelf.linked().starts_with("1.0+"));
  const std::string longer_history = read_file(shelf.releases() + "/history");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "1.0"}).exit_code == 0);
  REQUIRE(read_file(shelf.releases() + "/history") == longer_history);
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
  REQUIRE(shelf.linked() == "1.0");

  shelf.pack("two");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "2.0"}).exit_code == 0);
  REQUIRE(shelf.linked() == "2.0");
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
  REQUIRE(shelf.linked() == "1.0");
  // Who has gone back from a package's release stays there until the next one.
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "2.0"}).exit_code == 0);
  REQUIRE(shelf.linked() == "1.0");
  // An older package after a newer one is a new one.
  shelf.pack("three");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "3.0"}).exit_code == 0);
  shelf.pack("two");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "2.0"}).exit_code == 0);
  REQUIRE(shelf.linked() == "2.0");
}

TEST_CASE("adopt: while the service runs, a package's release is rolled out like any other",
          "[embedded]") {
  RolloutService& service = shared_rollout_service();
  const std::string function = "health_ready";
  const std::string package = fs::path(service.file("")).parent_path() / "package";
  fs::create_directory(package);
  const std::string well = "ready " + function;
  fs::rename(service.stub("exit 1", well), package + "/" + function);
  fs::rename(service.another_build_of("tenant_get"), package + "/tenant_get");
  const Output output = service.patient_rollout({"adopt", package, "--version", "packaged"});
  CAPTURE(output.errors);
  REQUIRE(output.exit_code == 1);
  REQUIRE(output.errors.find("1 of 2 functions were not adopted") != std::string::npos);
  service.require_settled(function, "first");
  service.require_settled("tenant_get", "packaged");
  REQUIRE(service.patient_rollout({"undo", "tenant_get"}).exit_code == 0);
}

TEST_CASE("releases: ten old ones are kept, never without the running one and the one before",
          "[embedded]") {
  const Shelf shelf;
  for (int i = 0; i < 13; ++i) {
    shelf.pack(std::to_string(i));
    const std::string version = "v" + std::to_string(i);
    REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", version}).exit_code == 0);
  }
  REQUIRE(shelf.release_count() == 11);
  REQUIRE_FALSE(fs::exists(shelf.releases() + "/v1"));
  REQUIRE(fs::exists(shelf.releases() + "/v2"));
  for (int i = 11; i >= 2; --i) {
    REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
    REQUIRE(shelf.linked() == "v" + std::to_string(i));
  }
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 66);
  // What was gone back from makes room for what is new.
  shelf.pack("new");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "new"}).exit_code == 0);
  REQUIRE(shelf.release_count() == 11);
  REQUIRE(fs::exists(shelf.releases() + "/v2"));
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
  REQUIRE(shelf.linked() == "v2");
}

TEST_CASE("history: a line that was cut off is no obstacle, and a long one begins anew",
          "[embedded]") {
  const Shelf shelf;
  const std::string path = shelf.releases() + "/history";
  for (const char* version : {"1", "2", "3"}) {
    shelf.pack(version);
    REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", version}).exit_code == 0);
  }
  std::ofstream(path, std::ios::app) << R"({"time":"2026-05-1)";
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
  REQUIRE(shelf.linked() == "2");
  const std::string line = R"({"action":"deploy","state":"refused","version":"x","who":"test",)"
                           R"("time":"2026-05-19T10:10:15Z"})";
  {
    std::ofstream file(path, std::ios::app);
    for (std::size_t bytes = 0; bytes < 1U << 20U; bytes += line.size()) file << line << '\n';
  }
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 0);
  REQUIRE(shelf.linked() == "1");
  REQUIRE(fs::file_size(path) < 4096);
  REQUIRE(shelf.rollout({"undo", kKept}).exit_code == 66);
  REQUIRE(shelf.rollout({"history", kKept}).output.find("adopt 3: done") != std::string::npos);
  // What was adopted last is known still.
  shelf.pack("3");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "3"}).exit_code == 0);
  REQUIRE(shelf.linked() == "1");
}

TEST_CASE("releases: who may not write is told so with exit code 77", "[embedded]") {
  const Shelf shelf;
  shelf.pack("one");
  REQUIRE(shelf.rollout({"adopt", shelf.package(), "--version", "1"}).exit_code == 0);
  Output output;
  if (::geteuid() == 0) {
    // Nothing is closed to root but what no write gets through to.
    output = run_program(
        {.arguments = {"/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                       source_folder() + "/deploy/rollout", "--help"}});
    if (output.exit_code != 0) return;  // the source is closed to others
    ::chmod(fs::path(shelf.state()).parent_path().c_str(), 0755);
    output =
        run_program({.arguments = {"/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534",
                                   "--clear-groups", source_folder() + "/deploy/rollout", "--state",
                                   shelf.state(), "--operations", "/dev/stdin", "undo", kKept}},
                    std::string(kKept) + "\n");
  } else {
    fs::permissions(shelf.releases(), fs::perms::owner_read | fs::perms::owner_exec);
    fs::permissions(shelf.releases() + "/lock", fs::perms::owner_read);
    output = shelf.rollout({"undo", kKept});
    fs::permissions(shelf.releases(), fs::perms::owner_all);
  }
  REQUIRE(output.exit_code == 77);
  REQUIRE(output.errors.find("not permitted") != std::string::npos);
}

}  // namespace registry::test
