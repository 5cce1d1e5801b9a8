#include "tests/support/catch.h"
#include "tests/unit/server_fixture.h"

namespace registry::fcgi {
namespace {

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

}  // namespace
}  // namespace registry::fcgi
