#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include <signal.h>
#include <sys/stat.h>

#include "common/auth/key_wake.h"
#include "tests/integration/integration.h"
#include "tests/support/stub_server.h"
#include "tests/support/token_maker.h"
#include "tests/support/wait.h"

// What jwks_sync makes of an issuer that answers well, badly, or not at all.
namespace registry::test {
namespace {

constexpr const char* kDiscovery = "/.well-known/openid-configuration";

class JwksSyncTest {
 protected:
  JwksSyncTest() {
    discovery_ = {{"issuer", issuer_.url()}, {"jwks_uri", issuer_.url() + "/jwks"}};
    set_answer(kDiscovery, http_answer(discovery_.dump()));
    set_answer("/jwks", http_answer(key_set()));
  }

  [[nodiscard]] std::string key_set() const {
    return Json{{"keys", Json::array({key_.jwk()})}}.dump();
  }

  void set_answer(const std::string& path, const std::string& answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = answer;
  }

  Process start(Environment more = {}) {
    more.emplace("KEYCLOAK_ISSUER", issuer_.url());
    more.emplace("JWKS_FILE", file());
    return Process({.arguments = {build_folder() + "/functions/jobs/jwks_sync"},
                    .environment = std::move(more),
                    .error_path = log()});
  }

  [[nodiscard]] std::string file() const { return folder_.path() + "/keys/jwks.json"; }
  [[nodiscard]] std::string log() const { return folder_.path() + "/log"; }
  [[nodiscard]] bool has_logged(const std::string& text) const {
    return read_file(log()).find(text) != std::string::npos;
  }

  static void stop(Process& process) {
    process.signal(SIGTERM);
    REQUIRE(process.wait() == 0);
  }

  TempFolder folder_;
  SigningKey key_ = SigningKey::p256("one");
  std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::atomic<int> requests_{0};
  StubServer issuer_{[this](const std::string& path) {
    ++requests_;
    const std::lock_guard lock(mutex_);
    const auto answer = answers_.find(path);
    return answer == answers_.end() ? http_answer("", 404) : answer->second;
  }};
  Json discovery_;
};

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: writes the issuer's keys, for everybody to read",
                 "[embedded]") {
  Process process = start();
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  const Json written = Json::parse(read_file(file()));
  REQUIRE(written.at("issuer") == issuer_.url());
  REQUIRE(written.at("keys") == Json::array({key_.jwk()}));
  REQUIRE(written.at("fetched_at").get<std::string>().ends_with("Z"));
  struct stat status {};
  REQUIRE(::stat(file().c_str(), &status) == 0);
  REQUIRE((status.st_mode & 07777U) == 0644U);
  REQUIRE(::stat((file() + ".wake").c_str(), &status) == 0);
  REQUIRE((status.st_mode & 07777U) == 0660U);
  // It may be where the embedded store is, too.
  REQUIRE(::stat((folder_.path() + "/keys").c_str(), &status) == 0);
  REQUIRE((status.st_mode & 07777U) == 0700U);
  stop(process);
  REQUIRE(has_logged("keys: fetched 1 times, failed 0, asked for 0"));
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: what is no set of keys leaves the file as it is",
                 "[embedded]") {
  const std::string good = http_answer(key_set());
  Json encryption = key_.jwk();
  encryption["use"] = "enc";
  Json other_issuer = discovery_;
  other_issuer["issuer"] = issuer_.url() + "/other";
  Json elsewhere = discovery_;
  elsewhere["jwks_uri"] = "file:///etc/passwd";
  const auto set_of = [](const Json& keys) { return http_answer(Json{{"keys", keys}}.dump()); };
  const auto [path, answer] = GENERATE_COPY(table<std::string, std::string>({
      {"/jwks", http_answer("<html>")},
      {"/jwks", http_answer("{}")},
      {"/jwks", set_of(Json::array())},
      {"/jwks", set_of(Json::array({encryption}))},
      {"/jwks", http_answer(key_set(), 500)},
      {"/jwks", http_answer(key_set(), 302, "Location: /elsewhere\r\n")},
      {"/jwks", http_answer(std::string(std::size_t{2} << 20U, ' ') + key_set())},
      {"/jwks", "HTTP/1.1 200 x\r\nContent-Length: 1000\r\n\r\n" + key_set()},
      {"/jwks", "HTTP/1.1 200 x\r\nConnection: close\r\n\r\n" +
                    std::string(std::size_t{2} << 20U, ' ') + key_set()},
      {"/jwks", "nonsense"},
      {kDiscovery, http_answer("[]")},
      {kDiscovery, http_answer("{}", 404)},
      {kDiscovery, http_answer(other_issuer.dump())},
      {kDiscovery, http_answer(elsewhere.dump())},
  }));
  CAPTURE(path, answer.substr(0, 200));
  set_answer("/elsewhere", good);
  set_answer(path, answer);
  REQUIRE(::mkdir((folder_.path() + "/keys").c_str(), 0700) == 0);
  write_file(file(), "before");
  Process process = start();
  wait_until("a failure", [&] { return has_logged("cannot get the keys of the issuer"); });
  stop(process);
  REQUIRE(read_file(file()) == "before");
  REQUIRE(has_logged("keys: fetched 0 times, failed 1"));
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: goes on trying, and recovers within 15 seconds",
                 "[embedded]") {
  set_answer("/jwks", http_answer("", 503));
  Process process = start();
  wait_until("a failure", [&] { return has_logged("cannot get the keys of the issuer"); });
  set_answer("/jwks", http_answer(key_set()));
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  REQUIRE(has_logged("has the keys of the issuer"));
  stop(process);
}

TEST_CASE_METHOD(JwksSyncTest,
                 "jwks_sync: says that the issuer has changed its keys, and only then",
                 "[embedded]") {
  Process process = start();
  wait_until("the keys", [&] { return has_logged("has the keys of the issuer; usable: 1"); });
  const Json one = key_.jwk();
  const Json two = SigningKey::p256("two").jwk();
  const auto fetch_again = [&](const Json& keys) {
    set_answer("/jwks", http_answer(Json{{"keys", keys}}.dump()));
    auth::ask_for_new_keys(file());
    wait_until("the keys as they are now",
               [&] { return Json::parse(read_file(file())).at("keys") == keys; });
  };
  fetch_again(Json::array({one, two}));
  // The same ones in another order.
  fetch_again(Json::array({two, one}));
  stop(process);
  const std::string changed = "the issuer has changed its keys; usable: 2";
  const std::string logged = read_file(log());
  REQUIRE(logged.find(changed) != std::string::npos);
  REQUIRE(logged.find(changed) == logged.rfind(changed));
  REQUIRE(has_logged("keys: fetched 3 times, failed 0, asked for 2"));
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: a thousand calls for new keys are one fetch",
                 "[embedded]") {
  Process process = start();
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  const int before = requests_;
  for (int i = 0; i < 1'000; ++i) auth::ask_for_new_keys(file());
  wait_until("a second fetch", [&] { return requests_ > before; });
  stop(process);
  // Two requests a fetch: where the keys are, and the keys.
  REQUIRE(requests_ <= before + 2);
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: ends at once, also while an issuer keeps it waiting",
                 "[embedded]") {
  const auto [path, number] = GENERATE(table<std::string, int>({{kDiscovery, 1}, {"/jwks", 2}}));
  set_answer(path, "");
  Process process = start();
  wait_until("the request", [&, number = number] { return requests_ == number; });
  stop(process);
  REQUIRE(read_file(file()).empty());
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: one process keeps a file, and a killed one lets it go",
                 "[embedded]") {
  Process process = start();
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  Process second = start();
  REQUIRE(second.wait() == 75);
  REQUIRE(has_logged("another process keeps"));
  process.signal(SIGKILL);
  REQUIRE(process.wait() == -SIGKILL);
  write_file(file(), "");
  Process third = start();
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  stop(third);
}

TEST_CASE_METHOD(JwksSyncTest, "jwks_sync: without a standard error no file gets what it says",
                 "[embedded]") {
  const std::string program = build_folder() + "/functions/jobs/jwks_sync";
  Process process({.arguments = {"/bin/sh", "-c", "exec \"$0\" 2>&-", program},
                   .environment = {{"KEYCLOAK_ISSUER", issuer_.url()}, {"JWKS_FILE", file()}}});
  wait_until("the keys", [&] { return !read_file(file()).empty(); });
  stop(process);
  REQUIRE(read_file(file() + ".lock").empty());
}

TEST_CASE("jwks_sync: bad configuration is exit 78 with one line that names the variable",
          "[embedded]") {
  const auto [name, environment] = GENERATE(table<std::string, Environment>({
      {"KEYCLOAK_ISSUER", {}},
      {"KEYCLOAK_ISSUER", {{"KEYCLOAK_ISSUER", "issuer.example"}}},
      {"APP_ENV", {{"KEYCLOAK_ISSUER", "https://issuer.example"}, {"APP_ENV", "production"}}},
      {"JWKS_FILE",
       {{"KEYCLOAK_ISSUER", "https://issuer.example"}, {"JWKS_FILE", std::string(120, 'x')}}},
  }));
  CAPTURE(name);
  const Output output = run_program(
      {.arguments = {build_folder() + "/functions/jobs/jwks_sync"}, .environment = environment});
  REQUIRE(output.exit_code == 78);
  REQUIRE(output.errors.starts_with("jwks_sync: " + name + ": "));
  REQUIRE(output.errors.find('\n') == output.errors.size() - 1);
}

}  // namespace
}  // namespace registry::test
