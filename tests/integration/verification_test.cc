#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <latch>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <unordered_set>

#include <signal.h>

#include "common/crypto/api_key.h"
#include "tests/integration/integration.h"
#include "tests/support/wait.h"

// What verification promises beyond its answers: that it is fast only where it may be, that nobody
// can flood it, and that it keeps no plaintext. Its answers are in api_key_test.cc.
namespace registry::test {
namespace {

constexpr const char* kVerification = "/v1/internal/api-keys/verify";
constexpr const char* kVerifier = "api_key_verify";
// Which takes memory of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kHasSanitizer = true;
#else
constexpr bool kHasSanitizer = false;
#endif

// A new key of a tenant, as it was answered, with its plaintext.
Json new_key(HttpClient& client, const Json& tenant) {
  const HttpResponse response =
      client.post("/v1/api-keys", {{"tenant_id", tenant.at("id")}, {"name", unique_name("key")}});
  REQUIRE(response.status == 201);
  return response.json();
}

HttpResponse ask(HttpClient& client, const std::string& plaintext) {
  return client.post(kVerification, {{"key", plaintext}});
}

// The code of an answer that is 200.
std::string code_of(const HttpResponse& response) {
  return response.status == 200 ? response.json().at("code").get<std::string>()
                                : std::to_string(response.status);
}

std::string code_for(HttpClient& client, const std::string& plaintext) {
  return code_of(ask(client, plaintext));
}

// Plaintexts of our form, none twice, that begin like a given one or anyhow.
class Guesses {
 public:
  std::string next(std::string text = "bp_") {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const std::lock_guard lock(mutex_);
    std::uniform_int_distribution<std::size_t> place(0, kAlphabet.size() - 1);
    while (text.size() + 1 < crypto::ApiKeySecret::kLength) text += kAlphabet[place(random_)];
    return text + 'A';
  }
  std::string like(const Json& key) { return next(key.at("prefix").get<std::string>()); }

 private:
  std::mutex mutex_;
  std::mt19937 random_{std::random_device{}()};
};

// Clients that guess at a key without a pause, until told to stop.
class Guessers {
 public:
  Guessers(const Service& service, const Json& key, int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &service, &key](const std::stop_token& stop) {
        HttpClient client = service.client();
        while (!stop.stop_requested()) {
          const std::string code = guess(client, key);
          const std::lock_guard lock(mutex_);
          codes_.insert(code);
          ++answers_;
        }
      });
    }
  }

  [[nodiscard]] int answers() const { return answers_; }

  // The codes of all answers; "retry" for those who were told to come back, "none" for none.
  std::set<std::string> stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
    return codes_;
  }

 private:
  std::string guess(HttpClient& client, const Json& key) {
    try {
      const HttpResponse response = ask(client, guesses_.like(key));
      const bool may_retry = response.status == 503 && response.header("retry-after") == "1";
      return may_retry ? "retry" : code_of(response);
    } catch (const std::exception&) {
      return "none";
    }
  }

  Guesses guesses_;
  std::atomic<int> answers_{0};
  std::mutex mutex_;
  std::set<std::string> codes_;  // guarded by the mutex
  std::vector<std::jthread> threads_;
};

// The value of a line of proc(5)'s status, in KiB.
long status_kib(const Process& process, const std::string& name) {
  std::istringstream lines(read_file("/proc/" + std::to_string(process.pid()) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  throw std::runtime_error("no " + name + " in the status of a process");
}

// All that a process may write to: what a core dump would hold, and more.
std::string memory_image(const Process& process) {
  const std::string folder = "/proc/" + std::to_string(process.pid());
  std::istringstream maps(read_file(folder + "/maps"));
  std::ifstream memory(folder + "/mem", std::ios::binary);
  REQUIRE(memory);
  std::string image;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    unsigned long begin = 0;
    unsigned long end = 0;
    char dash = 0;
    std::string rights;
    fields >> std::hex >> begin >> dash >> end >> rights;
    if (!rights.starts_with("rw")) continue;
    std::string region(end - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(region.data(), static_cast<std::streamsize>(region.size()));
    region.resize(static_cast<std::size_t>(memory.gcount()));
    image += region;
  }
  return image;
}

// How often the secret parts of the plaintexts, behind their prefixes, occur in a text.
int secrets_in(std::string_view text, const std::vector<std::string>& plaintexts) {
  constexpr std::size_t kSecretLength =
      crypto::ApiKeySecret::kLength - crypto::ApiKeySecret::kPrefixLength;
  std::unordered_set<std::string_view> secrets;
  std::array<bool, 65'536> is_begin{};
  const auto begin_of = [](const char* at) {
    return static_cast<unsigned char>(at[0]) * 256U + static_cast<unsigned char>(at[1]);
  };
  for (const std::string_view plaintext : plaintexts) {
    const std::string_view secret = plaintext.substr(crypto::ApiKeySecret::kPrefixLength);
    secrets.insert(secret);
    is_begin[begin_of(secret.data())] = true;
  }
  int found = 0;
  for (std::size_t at = 0; at + kSecretLength <= text.size(); ++at) {
    if (is_begin[begin_of(text.data() + at)] && secrets.contains(text.substr(at, kSecretLength))) {
      ++found;
    }
  }
  return found;
}

// The number behind a name in the line that the function leaves when it ends.
long counted_at_end(Service& service, const std::string& name) {
  REQUIRE(service.stop_function(kVerifier, SIGTERM) == 0);
  const std::string log = service.log_of(kVerifier);
  const std::size_t line = log.rfind("\"keys: ");
  REQUIRE(line != std::string::npos);
  const std::size_t at = log.find(name + " ", line);
  REQUIRE(at != std::string::npos);
  return std::stol(log.substr(at + name.size() + 1));
}

// A tenant with one key, in a service of the test's own.
class OwnKeyTest {
 protected:
  // The code of an answer for the key.
  std::string verify() { return code_for(client_, key_.at("key")); }

  std::optional<Timestamp> last_use() {
    const auto list =
        client_.get("/v1/api-keys?tenant_id=" + tenant_.at("id").get<std::string>()).json();
    const Json& moment = list.at("api_keys").at(0).at("last_used_at");
    if (moment.is_null()) return std::nullopt;
    return Timestamp::parse(moment.get<std::string>());
  }

  Service service_;
  HttpClient client_ = service_.client();
  const Json tenant_ = make_tenant(client_);
  const Json key_ = new_key(client_, tenant_);
};

}  // namespace

TEST_CASE("verification: what another process changes counts in the next call") {
  Service& service = shared_service();
  // As on another machine: functions and nginx of its own over the same database.
  Service other(service.environment());
  HttpClient here = service.client();
  HttpClient there = other.client();
  const Json tenant = make_tenant(here);
  const auto both = [&](const Json& key) {
    const std::string plaintext = key.at("key");
    return std::vector<std::string>{code_for(here, plaintext), code_for(there, plaintext)};
  };
  const auto all = [](const char* code) { return std::vector<std::string>(2, code); };

  SECTION("a revocation") {
    const Json key = new_key(here, tenant);
    REQUIRE(both(key) == all("VALID"));
    REQUIRE(
        there.send({.method = "DELETE", .path = "/v1/api-keys/" + key.at("id").get<std::string>()})
            .status == 204);
    REQUIRE(both(key) == all("REVOKED"));
  }
  SECTION("the archiving of the tenant") {
    const Json key = new_key(here, tenant);
    REQUIRE(both(key) == all("VALID"));
    set_status(id_of(tenant), TenantStatus::kArchived);
    REQUIRE(both(key) == all("TENANT_ARCHIVED"));
  }
  SECTION("another stored hash") {
    const Json key = new_key(here, tenant);
    REQUIRE(both(key) == all("VALID"));
    const auto successor = crypto::ApiKeySecret::generate();
    shared_database().set_api_key_hash(id_of(key), crypto::hash_api_key(successor));
    REQUIRE(both(key) == all("NOT_FOUND"));
    shared_database().set_api_key_hash(
        id_of(key),
        crypto::hash_api_key(*crypto::ApiKeySecret::parse(key.at("key").get<std::string>())));
    REQUIRE(both(key) == all("VALID"));
  }
  SECTION("the end of an entitlement") {
    const Json key = new_key(here, tenant);
    insert_entitlement({.tenant_id = id_of(tenant), .product = "certifai"});
    const auto is_active = [&](HttpClient& client) {
      return client.post(kVerification, {{"key", key.at("key")}, {"product", "certifai"}})
          .json()
          .at("entitlement")
          .at("active")
          .get<bool>();
    };
    REQUIRE(is_active(here));
    REQUIRE(is_active(there));
    end_entitlement(id_of(tenant), "certifai");
    REQUIRE_FALSE(is_active(here));
    REQUIRE_FALSE(is_active(there));
  }
}

TEST_CASE_METHOD(OwnKeyTest, "verification: fifty callers with one cold key spend argon2 once",
                 "[racing]") {
  constexpr int kCallers = 50;
  const std::string plaintext = key_.at("key");
  std::vector<std::string> codes(kCallers);
  std::latch start(kCallers);
  std::vector<std::jthread> callers;
  for (std::string& code : codes) {
    callers.emplace_back([&] {
      HttpClient own = service_.client();
      start.arrive_and_wait();
      code = code_for(own, plaintext);
    });
  }
  callers.clear();
  REQUIRE(codes == std::vector<std::string>(kCallers, "VALID"));
  REQUIRE(counted_at_end(service_, "proven by argon2") == 1);
}

TEST_CASE_METHOD(OwnKeyTest,
                 "verification: a flood of guesses neither fills the memory nor stops the right "
                 "keys",
                 "[racing]") {
  constexpr int kGuessers = 64;
  constexpr int kAnswers = 150;
  const Json warm = new_key(client_, tenant_);
  const Json cold = new_key(client_, tenant_);
  REQUIRE(code_for(client_, warm.at("key")) == "VALID");
  Guessers guessers(service_, key_, kGuessers);
  while (guessers.answers() < kAnswers) {
    REQUIRE(code_for(client_, warm.at("key")) == "VALID");
  }
  // Another key takes its turn in the middle of the flood.
  wait_until("a cold key", [&] { return code_for(client_, cold.at("key")) == "VALID"; });
  auto codes = guessers.stop();
  REQUIRE(verify() == "VALID");
  REQUIRE(codes.erase("NOT_FOUND") == 1);
  codes.erase("retry");
  REQUIRE(codes.empty());
  const long limit_kib = 64L * 1024 * (1 + static_cast<long>(std::thread::hardware_concurrency()));
  const long largest_kib = status_kib(service_.function(kVerifier), "VmHWM");
  REQUIRE((largest_kib < limit_kib || kHasSanitizer));
}

TEST_CASE_METHOD(OwnKeyTest, "verification: on SIGTERM whoever waits for argon2 gets an answer",
                 "[racing]") {
  constexpr int kGuessers = 16;
  Guessers guessers(service_, key_, kGuessers);
  for (int round = 0; round < 2; ++round) {
    const int before = guessers.answers();
    wait_until("more answers", [&] { return guessers.answers() >= before + kGuessers; });
    REQUIRE(service_.stop_function(kVerifier, SIGTERM) == 0);
    service_.start_function(kVerifier);
  }
  auto codes = guessers.stop();
  codes.erase("NOT_FOUND");
  codes.erase("retry");
  REQUIRE(codes.empty());
}

TEST_CASE("verification: no plaintext stays in the memory of the process", "[racing]") {
  constexpr int kVerifications = 1'000;
  if (kHasSanitizer) return;  // it keeps terabytes of books, and what is freed for a while
  Service service;
  HttpClient client = service.client();
  const Json tenant = make_tenant(client);
  std::vector<std::string> right;
  for (int i = 0; i < 8; ++i) right.push_back(new_key(client, tenant).at("key"));
  const Json guessed = new_key(client, tenant);
  std::vector<std::string> plaintexts = right;
  Guesses guesses;
  for (int i = 0; i < kVerifications; ++i) {
    std::string plaintext = right[static_cast<std::size_t>(i) % right.size()];
    if (i % 3 == 1) plaintext = guesses.next();
    if (i % 50 == 2) plaintext = guesses.like(guessed);
    plaintexts.push_back(plaintext);
    // As short and as long as bodies are, in one string or decoded from escapes.
    const std::string padding(static_cast<std::size_t>(i) * 37 % 9'000, ' ');
    const std::string body = i % 5 == 0 ? R"({"key":"\u0062)" + plaintext.substr(1) + "\"}"
                                        : R"({"key":")" + plaintext + "\"}";
    REQUIRE(client.send({.method = "POST", .path = kVerification, .body = padding + body}).status ==
            200);
  }
  // A request is wiped once its answer has been sent, which may be after its client has read it.
  std::string image;
  wait_until("the last request to be wiped", [&] {
    image = memory_image(service.function(kVerifier));
    return secrets_in(image, plaintexts) == 0;
  });
  // What is there is found: its own name, and a plaintext, if it were there.
  REQUIRE(image.find(kVerifier) != std::string::npos);
  REQUIRE(secrets_in(image + plaintexts.back() + "x", plaintexts) == 1);
  REQUIRE(secrets_in(service.all_logs(), plaintexts) == 0);
}

TEST_CASE_METHOD(OwnKeyTest, "verification: a crash loses the last use of a key, and nothing else",
                 "[racing]") {
  REQUIRE(verify() == "VALID");
  REQUIRE(service_.stop_function(kVerifier, SIGKILL) == -SIGKILL);
  REQUIRE_FALSE(last_use());
  // An orderly end writes it.
  service_.start_function(kVerifier);
  REQUIRE(verify() == "VALID");
  REQUIRE(service_.stop_function(kVerifier, SIGTERM) == 0);
  const auto used = last_use();
  REQUIRE(used);
  // Within a minute it stays as it is, and it never goes back.
  service_.start_function(kVerifier);
  REQUIRE(verify() == "VALID");
  REQUIRE(service_.stop_function(kVerifier, SIGTERM) == 0);
  REQUIRE(last_use() == used);
}

TEST_CASE_METHOD(OwnKeyTest,
                 "verification: the last use of a key is written while the process goes on",
                 "[racing]") {
  REQUIRE(verify() == "VALID");
  wait_until("the last use", [&] { return last_use().has_value(); });
  // Which is no change that the trail tells of.
  REQUIRE(attach_database(service_)->audit_trail(id_of(tenant_)).size() == 2);
}

}  // namespace registry::test
