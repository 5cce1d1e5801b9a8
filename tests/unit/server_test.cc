#include "common/fcgi/server.h"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/socket.h"
#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"
#include "tests/unit/fastcgi_peer.h"
#include "tests/unit/libfcgi.h"

namespace registry::fcgi {
namespace {

using test::connect_unix;
using test::kPatience;
using test::receive_fastcgi_answer;
using test::send_all;
using test::wait_until;
using Outcome = Server::Outcome;

constexpr std::size_t kBodyLimit = 1000;

// A pipe that tells the server to stop.
class StopSwitch {
 public:
  StopSwitch() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    read_ = UniqueFd(ends[0]);
    write_ = UniqueFd(ends[1]);
  }
  [[nodiscard]] int fd() const { return read_.get(); }
  void press() const {
    if (::write(write_.get(), "x", 1) != 1) throw std::runtime_error("write");
  }

 private:
  UniqueFd read_;
  UniqueFd write_;
};

// A server that runs in a thread until it is told to stop.
class RunningServer {
 public:
  struct Limits {
    std::chrono::seconds idle_exit{0};
    std::chrono::milliseconds write_limit{10'000};
    std::chrono::milliseconds request_limit{10'000};
    std::chrono::milliseconds drain_grace{2'000};
  };
  RunningServer(int listen_fd, Handler handler, int workers)
      : RunningServer(listen_fd, std::move(handler), workers, Limits{}) {}
  RunningServer(int listen_fd, Handler handler, int workers, const Limits& limits)
      : server_({.listen_fd = listen_fd,
                 .stop_fd = stop_.fd(),
                 .workers = workers,
                 .body_limit_bytes = kBodyLimit,
                 .idle_exit = limits.idle_exit,
                 .request_limit = limits.request_limit,
                 .write_limit = limits.write_limit,
                 .drain_grace = limits.drain_grace},
                std::move(handler)),
        thread_([this] {
          outcome_ = server_.run();
          has_ended_ = true;
        }) {}
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;
  // A destructor that throws ends the program, which is right: there is no way on without the end
  // of the thread.
  ~RunningServer() {  // NOLINT(bugprone-exception-escape)
    if (!thread_.joinable()) return;
    stop_.press();
    thread_.join();
  }

  void tell_to_stop() const { stop_.press(); }
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  Outcome wait() {
    wait_until("the server's end", [this] { return has_ended(); });
    thread_.join();
    return *outcome_;
  }
  Outcome stop() {
    tell_to_stop();
    return wait();
  }

 private:
  StopSwitch stop_;
  Server server_;
  std::optional<Outcome> outcome_;
  std::atomic<bool> has_ended_{false};
  std::thread thread_;
};

// A door that keeps handlers waiting until a test opens it.
class Gate {
 public:
  ~Gate() { open(); }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return is_open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void wait_for_visitors(int count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return waiting_ >= count; })) {
      throw std::runtime_error("gave up on: a handler that was called");
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool is_open_ = false;
};

Reply echo(const http::Request& request) {
  return {.head = request.method + " " + request.target + (request.body_too_large ? " large" : "") +
                  (request.body_truncated ? " truncated" : "") + "\r\n\r\n",
          .body = request.body};
}

std::string request_for(const std::string& target, bool keep = true) {
  return test::fastcgi_request(
      {.variables = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", target}}, .keep = keep});
}

std::string post_of(const std::string& body, const std::string& content_length) {
  return test::fastcgi_request({.variables = {{"REQUEST_METHOD", "POST"},
                                              {"REQUEST_URI", "/"},
                                              {"CONTENT_LENGTH", content_length}},
                                .body = body});
}

// The output of one whole answer.
std::string answer_from(const UniqueFd& connection, int request_id = 1) {
  const auto answer = test::parse_answer(receive_fastcgi_answer(connection), request_id);
  if (!answer.is_sound || answer.ends != 1) throw std::runtime_error("an unsound answer");
  return answer.output;
}

std::string exchanged(const UniqueFd& connection, const std::string& target) {
  if (!send_all(connection, request_for(target))) throw std::runtime_error("closed by the server");
  return answer_from(connection);
}

std::string answer_to(const std::string& target) {
  return "GET " + target + "\r\n\r\n";
}

bool has_bytes_to_read(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) > 0;
}

// Begins a request, and then sends its parameters byte by byte until the server has enough.
void drip_until_closed(const UniqueFd& connection) {
  const std::string params = test::record_header({.type = test::kParams, .content_bytes = 60'000});
  REQUIRE(send_all(connection, params));
  wait_until("the end of the connection", [&] { return !send_all(connection, "x"); });
}

class ServerTest {
 protected:
  ServerTest() : listener_(test::listen_unix(folder_.path() + "/socket")) {
    initialize_libfcgi_once();
  }

  [[nodiscard]] UniqueFd connect() const { return connect_unix(folder_.path() + "/socket"); }
  [[nodiscard]] int listener() const { return listener_.get(); }

 private:
  test::TempFolder folder_;
  UniqueFd listener_;
};

TEST_CASE_METHOD(ServerTest, "Server: answers one request after the other on a kept connection") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd connection = connect();
  for (int i = 0; i < 50; ++i) {
    const std::string target = "/" + std::to_string(i);
    CHECK(exchanged(connection, target) == answer_to(target));
  }
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: closes the connection after the answer when asked to") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd connection = connect();
  REQUIRE(send_all(connection, request_for("/x", /*keep=*/false)));
  CHECK(test::parse_answer(test::receive_all(connection)).output == answer_to("/x"));
}

TEST_CASE_METHOD(ServerTest, "Server: answers with the id of the request") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd connection = connect();
  for (const int id : {1, 300, 65'535}) {
    REQUIRE(send_all(connection, test::fastcgi_request({.variables = {{"REQUEST_METHOD", "GET"},
                                                                      {"REQUEST_URI", "/x"}},
                                                        .request_id = id})));
    CHECK(answer_from(connection, id) == answer_to("/x"));
  }
}

TEST_CASE_METHOD(ServerTest, "Server: idle connections hold no worker") {
  RunningServer server(listener(), echo, 1);
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 100; ++i) {
    connections.push_back(connect());
    REQUIRE(exchanged(connections.back(), "/first") == answer_to("/first"));
  }
  for (const UniqueFd& connection : connections) {
    CHECK(exchanged(connection, "/again") == answer_to("/again"));
  }
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: connections that say nothing hold no worker") {
  RunningServer server(listener(), echo, 1);
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(connect());
  CHECK(exchanged(connect(), "/x") == answer_to("/x"));
  CHECK(exchanged(silent.front(), "/y") == answer_to("/y"));
}

TEST_CASE_METHOD(ServerTest, "Server: a request that comes in pieces holds no worker") {
  RunningServer server(listener(), echo, 1);
  const std::string request = request_for("/slow");
  for (const std::size_t at :
       {std::size_t{1}, std::size_t{8}, request.size() / 2, request.size() - 1}) {
    const UniqueFd slow = connect();
    REQUIRE(send_all(slow, request.substr(0, at)));
    CHECK(exchanged(connect(), "/quick") == answer_to("/quick"));
    REQUIRE(send_all(slow, request.substr(at)));
    CHECK(answer_from(slow) == answer_to("/slow"));
  }
}

TEST_CASE_METHOD(ServerTest, "Server: a request may come byte by byte, also on a kept connection") {
  RunningServer server(listener(), echo, 2);
  const UniqueFd connection = connect();
  for (const std::string target : {"/1", "/2"}) {
    for (const char byte : request_for(target)) REQUIRE(send_all(connection, {&byte, 1}));
    CHECK(answer_from(connection) == answer_to(target));
  }
}

TEST_CASE_METHOD(ServerTest, "Server: requests sent in one go are answered in their order") {
  RunningServer server(listener(), echo, 4);
  const UniqueFd connection = connect();
  std::string requests;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    requests += request_for("/" + std::to_string(i), /*keep=*/i < 19);
    expected += answer_to("/" + std::to_string(i));
  }
  REQUIRE(send_all(connection, requests));
  const auto answers = test::parse_answer(test::receive_all(connection));
  CHECK(answers.is_sound);
  CHECK(answers.ends == 20);
  CHECK(answers.output == expected);
}

TEST_CASE_METHOD(ServerTest, "Server: a broken record ends its connection and no other") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd healthy = connect();
  CHECK(exchanged(healthy, "/1") == answer_to("/1"));
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(10'000, '\xFF'),
        test::record(test::kGetValues, test::name_value("FCGI_MAX_CONNS", ""), 0),
        request_for("/x").substr(0, 16) + std::string(100, '\0')}) {
    const UniqueFd broken = connect();
    send_all(broken, garbage);
    CHECK(test::is_closed_by_peer(broken));
  }
  CHECK(exchanged(healthy, "/2") == answer_to("/2"));
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: a body is compared with its promised length and its limit") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd connection = connect();
  const auto exchange = [&](const std::string& body, const std::string& content_length) {
    REQUIRE(send_all(connection, post_of(body, content_length)));
    return answer_from(connection);
  };
  CHECK(exchange("hello", "5") == "POST /\r\n\r\nhello");
  CHECK(exchange("", "0") == "POST /\r\n\r\n");
  CHECK(exchange("hell", "5") == "POST / truncated\r\n\r\nhell");
  CHECK(exchange("", "5") == "POST / truncated\r\n\r\n");
  const std::string full(kBodyLimit, 'x');
  CHECK(exchange(full, "1000") == "POST /\r\n\r\n" + full);
  CHECK(exchange(full + "y", "1001") == "POST / large\r\n\r\n" + full);
  CHECK(exchange(std::string(200'000, 'x'), "200000") == "POST / large\r\n\r\n" + full);
  CHECK(exchange("hello", "5") == "POST /\r\n\r\nhello");
}

TEST_CASE_METHOD(ServerTest, "Server: a large answer reaches a peer that reads late") {
  const std::string body(3'000'000, 'b');
  RunningServer server(
      listener(), [&](const http::Request&) { return Reply{.head = "h", .body = body}; }, 2);
  const UniqueFd late = connect();
  REQUIRE(send_all(late, request_for("/late")));
  CHECK(exchanged(connect(), "/other") == "h" + body);
  CHECK(answer_from(late) == "h" + body);
}

TEST_CASE_METHOD(ServerTest, "Server: a peer that leaves before its answer harms nobody") {
  Gate gate;
  RunningServer server(
      listener(),
      [&](const http::Request& request) {
        if (request.target == "/gone") gate.pass();
        return Reply{.head = request.target, .body = std::string(500'000, 'x')};
      },
      1);
  {
    const UniqueFd gone = connect();
    REQUIRE(send_all(gone, request_for("/gone")));
    gate.wait_for_visitors(1);
  }
  gate.open();
  CHECK(exchanged(connect(), "/next").starts_with("/next"));
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: as many requests at once as there are workers") {
  constexpr int kWorkers = 4;
  Gate gate;
  RunningServer server(
      listener(),
      [&](const http::Request& request) {
        gate.pass();
        return echo(request);
      },
      kWorkers);
  std::vector<UniqueFd> connections;
  for (int i = 0; i < kWorkers; ++i) {
    connections.push_back(connect());
    REQUIRE(send_all(connections.back(), request_for("/" + std::to_string(i))));
  }
  gate.wait_for_visitors(kWorkers);
  gate.open();
  for (int i = 0; i < kWorkers; ++i) {
    CHECK(answer_from(connections[static_cast<std::size_t>(i)]) ==
          answer_to("/" + std::to_string(i)));
  }
}

TEST_CASE_METHOD(ServerTest, "Server: many clients at once get each their own answer") {
  constexpr int kClients = 8;
  constexpr int kRequests = 100;
  RunningServer server(listener(), echo, 4);
  const auto ask = [&](int client) {
    int right = 0;
    UniqueFd connection = connect();
    for (int i = 0; i < kRequests; ++i) {
      const std::string target = "/" + std::to_string(client) + "/" + std::to_string(i);
      if (i % 10 == 0) connection = connect();
      if (exchanged(connection, target) == answer_to(target)) ++right;
    }
    return right;
  };
  std::vector<std::future<int>> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.push_back(std::async(std::launch::async, ask, client));
  }
  int right = 0;
  for (std::future<int>& client : clients) right += client.get();
  CHECK(right == kClients * kRequests);
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: a connection over the limit waits until another one closes") {
  constexpr int kConnectionLimit = 256;
  RunningServer server(listener(), echo, 1);
  std::vector<UniqueFd> connections;
  for (int i = 0; i < kConnectionLimit; ++i) {
    connections.push_back(connect());
    REQUIRE(exchanged(connections.back(), "/x") == answer_to("/x"));
  }
  const UniqueFd waiting = connect();
  REQUIRE(send_all(waiting, request_for("/waiting")));
  // Others are served meanwhile, and it is not.
  CHECK(exchanged(connections.front(), "/y") == answer_to("/y"));
  CHECK_FALSE(has_bytes_to_read(waiting.get()));
  connections.pop_back();
  CHECK(answer_from(waiting) == answer_to("/waiting"));
}

TEST_CASE_METHOD(ServerTest,
                 "Server: a peer that does not read its answers holds no worker for good") {
  const std::string body(60'000, 'x');
  RunningServer server(
      listener(),
      [&](const http::Request& request) { return Reply{.head = request.target, .body = body}; }, 1,
      {.write_limit = std::chrono::milliseconds{50}});
  const UniqueFd greedy = connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += request_for("/greedy");
  REQUIRE(send_all(greedy, requests));
  CHECK(exchanged(connect(), "/modest").starts_with("/modest"));
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: on stop, what is in flight is answered") {
  Gate gate;
  RunningServer server(
      listener(),
      [&](const http::Request& request) {
        if (request.target == "/in-flight") gate.pass();
        return echo(request);
      },
      2);
  const UniqueFd idle = connect();
  REQUIRE(exchanged(idle, "/x") == answer_to("/x"));
  const UniqueFd busy = connect();
  REQUIRE(send_all(busy, request_for("/in-flight")));
  gate.wait_for_visitors(1);

  server.tell_to_stop();
  CHECK(test::is_closed_by_peer(idle));
  CHECK_FALSE(server.has_ended());
  gate.open();
  CHECK(answer_from(busy) == answer_to("/in-flight"));
  CHECK(test::is_closed_by_peer(busy));
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: on stop, a request that has begun to arrive is answered") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd idle = connect();
  REQUIRE(exchanged(idle, "/x") == answer_to("/x"));
  const std::string request = request_for("/half");
  const UniqueFd half = connect();
  REQUIRE(send_all(half, request.substr(0, 20)));
  // The worker is done with the half once it answers somebody else.
  REQUIRE(exchanged(connect(), "/y") == answer_to("/y"));

  server.tell_to_stop();
  CHECK(test::is_closed_by_peer(idle));
  REQUIRE(send_all(half, request.substr(20)));
  CHECK(answer_from(half) == answer_to("/half"));
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest,
                 "Server: on stop, a request that never arrives is not awaited for long") {
  RunningServer server(listener(), echo, 1);
  const UniqueFd half = connect();
  REQUIRE(send_all(half, request_for("/half").substr(0, 20)));
  const UniqueFd silent = connect();
  REQUIRE(exchanged(connect(), "/y") == answer_to("/y"));
  CHECK(server.stop() == Outcome::kStopped);
  CHECK(test::is_closed_by_peer(half));
  CHECK(test::is_closed_by_peer(silent));
}

TEST_CASE_METHOD(ServerTest, "Server: a request that drips in is cut off at the limit") {
  RunningServer server(listener(), echo, 1, {.request_limit = std::chrono::milliseconds{100}});
  const UniqueFd dripping = connect();
  REQUIRE(send_all(dripping, test::record(test::kBeginRequest, test::begin_body())));
  drip_until_closed(dripping);
  CHECK(exchanged(connect(), "/y") == answer_to("/y"));
}

TEST_CASE_METHOD(ServerTest, "Server: on stop, a request that drips in gets the grace once") {
  RunningServer server(listener(), echo, 1, {.drain_grace = std::chrono::milliseconds{100}});
  const UniqueFd dripping = connect();
  REQUIRE(send_all(dripping, test::record(test::kBeginRequest, test::begin_body())));
  REQUIRE(exchanged(connect(), "/y") == answer_to("/y"));
  server.tell_to_stop();
  drip_until_closed(dripping);
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: on stop, the queue is left to whoever shares the socket") {
  Gate gate;
  RunningServer first(
      listener(),
      [&](const http::Request&) {
        gate.pass();
        return Reply{.head = "first", .body = {}};
      },
      1);
  const UniqueFd busy = connect();
  REQUIRE(send_all(busy, request_for("/busy")));
  gate.wait_for_visitors(1);
  first.tell_to_stop();
  const UniqueFd queued = connect();
  REQUIRE(send_all(queued, request_for("/queued")));
  gate.open();
  CHECK(first.wait() == Outcome::kStopped);
  CHECK(answer_from(busy) == "first");

  RunningServer second(
      listener(), [](const http::Request&) { return Reply{.head = "second", .body = {}}; }, 1);
  CHECK(answer_from(queued) == "second");
}

TEST_CASE_METHOD(ServerTest, "Server: two servers share a socket, and one may leave") {
  RunningServer stays(listener(), echo, 2);
  {
    RunningServer leaves(listener(), echo, 2);
    for (int i = 0; i < 50; ++i) CHECK(exchanged(connect(), "/x") == answer_to("/x"));
    CHECK(leaves.stop() == Outcome::kStopped);
  }
  for (int i = 0; i < 50; ++i) CHECK(exchanged(connect(), "/y") == answer_to("/y"));
  CHECK(stays.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "Server: stops at once when it has nothing to do") {
  RunningServer server(listener(), echo, 4);
  const auto start = std::chrono::steady_clock::now();
  CHECK(server.stop() == Outcome::kStopped);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{1});
}

TEST_CASE_METHOD(ServerTest, "Server: leaves after its idle limit, kept connections or not") {
  RunningServer server(listener(), echo, 1, {.idle_exit = std::chrono::seconds{1}});
  const UniqueFd kept = connect();
  REQUIRE(exchanged(kept, "/x") == answer_to("/x"));
  CHECK(server.wait() == Outcome::kStopped);
  CHECK(test::is_closed_by_peer(kept));
}

TEST_CASE_METHOD(ServerTest, "Server: does not leave while a request is in flight") {
  using std::chrono::steady_clock;
  Gate gate;
  RunningServer server(listener(),
                       [&](const http::Request& request) {
                         gate.pass();
                         return echo(request);
                       },
                       1, {.idle_exit = std::chrono::seconds{1}});
  const UniqueFd busy = connect();
  REQUIRE(send_all(busy, request_for("/x")));
  gate.wait_for_visitors(1);
  const auto over = steady_clock::now() + std::chrono::milliseconds{2500};
  wait_until("the idle limit twice over", [&] { return steady_clock::now() > over; });
  CHECK_FALSE(server.has_ended());
  gate.open();
  CHECK(answer_from(busy) == answer_to("/x"));
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(ServerTest, "is_listening_socket: only a socket that listens") {
  CHECK(is_listening_socket(listener()));
  const UniqueFd connection = connect();
  CHECK_FALSE(is_listening_socket(connection.get()));
  const StopSwitch pipe;
  CHECK_FALSE(is_listening_socket(pipe.fd()));
  CHECK_FALSE(is_listening_socket(-1));
}

TEST_CASE("redirect_stop_signals: SIGTERM and SIGINT can be read and end nothing") {
  const int number = GENERATE(SIGTERM, SIGINT);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const UniqueFd signals = redirect_stop_signals();
    if (has_bytes_to_read(signals.get())) ::_exit(1);
    ::raise(number);
    ::_exit(has_bytes_to_read(signals.get()) ? 0 : 2);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace
}  // namespace registry::fcgi
