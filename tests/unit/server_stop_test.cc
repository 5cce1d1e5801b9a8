#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/base/stop_signals.h"
#include "tests/support/catch.h"
#include "tests/unit/server_fixture.h"

namespace registry::fcgi {
namespace {

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

TEST_CASE_METHOD(ServerTest, "Server: on stop, a busy kept connection gets one more answer") {
  Gate first;
  Gate second;
  RunningServer server(
      listener(),
      [&](const http::Request& request) {
        if (request.target == "/1") first.pass();
        if (request.target == "/2") second.pass();
        return echo(request);
      },
      1);
  const UniqueFd idle = connect();
  REQUIRE(exchanged(idle, "/x") == answer_to("/x"));
  const UniqueFd busy = connect();
  REQUIRE(send_all(busy, request_for("/1")));
  first.wait_for_visitors(1);
  server.tell_to_stop();
  REQUIRE(test::is_closed_by_peer(idle));
  // Each is there before the one in front of it is answered.
  REQUIRE(send_all(busy, request_for("/2")));
  first.open();
  CHECK(answer_from(busy) == answer_to("/1"));
  second.wait_for_visitors(1);
  REQUIRE(send_all(busy, request_for("/3")));
  second.open();
  CHECK(answer_from(busy) == answer_to("/2"));
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
    const UniqueFd signals = registry::redirect_stop_signals();
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
