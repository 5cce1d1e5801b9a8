#include <algorithm>
#include <chrono>

#include <poll.h>
#include <sys/resource.h>

#include "tests/site/site.h"
#include "tests/support/catch.h"
#include "tests/support/socket.h"
#include "tests/support/wait.h"

// Clients that take what they can and give nothing back, all at once.
namespace registry::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// Longer than nginx waits for a header or a part of a body, 10 s, after the last has connected.
constexpr const char* kAttackS = "18";
constexpr const char* kConnections = "300";
constexpr const char* kConnectionsPerSecond = "150";
constexpr rlim_t kSilentConnections = 2'000;
constexpr rlim_t kOtherFiles = 200;
// Between two requests of the client that means well.
constexpr int kPauseMs = 10;
constexpr seconds kPatienceOfGoodClient{5};

// As many files as the process may have.
rlim_t raise_file_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  return limit.rlim_max;
}

// slowhttptest with so many connections, and what it wrote.
class SlowClients {
 public:
  SlowClients(const std::string& url, const std::vector<std::string>& options)
      : process_(command(url, options, folder_.path() + "/output")) {}

  [[nodiscard]] bool are_running() { return process_.is_running(); }
  [[nodiscard]] std::string output() const { return read_file(folder_.path() + "/output"); }

 private:
  static Command command(const std::string& url, const std::vector<std::string>& options,
                         const std::string& output) {
    Command command{.arguments = {"/usr/bin/slowhttptest", "-u", url, "-c", kConnections, "-r",
                                  kConnectionsPerSecond, "-l", kAttackS},
                    .output_path = output,
                    .error_path = output};
    command.arguments.insert(command.arguments.end(), options.begin(), options.end());
    return command;
  }

  TempFolder folder_;
  Process process_;
};

// What nginx says to bytes that are no acceptable request; nothing when it hangs up instead.
std::string refusal(const Site& site, const std::string& bytes) {
  const UniqueFd socket = connect_tcp(site.plain_port());
  send_all(socket, bytes);
  return receive_all(socket).substr(0, 12);
}

void require_refusals(const Site& site) {
  const std::string huge(std::size_t{1} << 20U, 'a');
  const std::string head = "POST /v1/tenants HTTP/1.1\r\nHost: x\r\n";
  const std::string header = refusal(site, head + "X: " + huge + "\r\n\r\n");
  REQUIRE((header.empty() || header == "HTTP/1.1 431"));
  const std::string body = refusal(site, head + "Content-Length: 99999999999\r\n\r\n" + huge);
  REQUIRE((body.empty() || body == "HTTP/1.1 413"));
  const std::string chunks =
      refusal(site, head + "Transfer-Encoding: chunked\r\n\r\n100000\r\n" + huge + "\r\n");
  REQUIRE((chunks.empty() || chunks == "HTTP/1.1 413"));
}

// A read, or now and then a write, over a new connection now and then.
void require_answer(const Site& site, std::unique_ptr<HttpClient>& client, int number) {
  if (number % 10 == 0) client = std::make_unique<HttpClient>(site.client());
  const std::vector<std::string> headers = {from_address("10.9.9.9")};
  const auto start = Clock::now();
  if (number % 10 == 5) {
    const Json body = {{"slug", unique_name("good")}, {"name", "Good"}};
    REQUIRE(
        client
            ->send(
                {.method = "POST", .path = "/v1/tenants", .body = body.dump(), .headers = headers})
            .status == 201);
  } else {
    REQUIRE(client->send({.path = "/v1/tenants/by-slug/acme", .headers = headers}).status == 200);
  }
  REQUIRE(Clock::now() - start < kPatienceOfGoodClient);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_CASE("bad clients: slow, huge or idle, by the thousand, they keep nobody from the service") {
  const rlim_t files = raise_file_limit();
  const Site site(shared_service());
  const std::string plain = "http://127.0.0.1:" + std::to_string(site.plain_port());
  const std::string tls = "https://127.0.0.1:" + std::to_string(site.tls_port());

  // Every second one says nothing at all, the others not all that they have to.
  std::vector<UniqueFd> silent;
  const rlim_t count = std::min(kSilentConnections, std::max(files, 2 * kOtherFiles) - kOtherFiles);
  while (silent.size() < count) {
    silent.push_back(connect_tcp(site.plain_port()));
    if (silent.size() % 2 == 0) send_all(silent.back(), "GET /v1/catalog HTTP/1.1\r\nHost: x\r\n");
  }

  SlowClients slow_headers(tls + "/v1/catalog", {"-H", "-i", "2"});
  SlowClients slow_bodies(plain + "/v1/tenants",
                          {"-B", "-i", "12", "-s", "8192", "-f", "application/json"});
  SlowClients slow_readers(tls + "/docs/openapi.yaml",
                           {"-X", "-w", "1", "-y", "512", "-n", "3", "-z", "32", "-k", "5"});

  std::unique_ptr<HttpClient> good_client;
  int answers = 0;
  while (slow_headers.are_running() || slow_bodies.are_running() || slow_readers.are_running()) {
    require_answer(site, good_client, answers);
    if (++answers % 50 == 0) require_refusals(site);
    ::poll(nullptr, 0, kPauseMs);
  }
  CAPTURE(answers, slow_headers.output(), slow_bodies.output(), slow_readers.output());
  // All the time, however busy the machine is.
  REQUIRE(answers > 20);
  // The attackers were there, and nginx sent them away.
  REQUIRE(count_of(site.access_log(), R"("status":408)") > 200);
  for (const UniqueFd& socket : silent) REQUIRE(is_closed_by_peer(socket));
  REQUIRE(site.alarms().empty());
  REQUIRE(shared_service().log_problems().empty());
}

}  // namespace registry::test
