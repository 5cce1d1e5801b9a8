#include <algorithm>
#include <filesystem>
#include <system_error>

#include <sys/wait.h>

#include "tests/support/catch.h"
#include "tests/unit/server_fixture.h"

namespace registry::fcgi {
namespace {

// How many are inside at once, and the most that ever were.
class Crowd {
 public:
  void enter() {
    const std::lock_guard lock(mutex_);
    most_ = std::max(most_, ++inside_);
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --inside_;
  }
  [[nodiscard]] int most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  int inside_ = 0;
  int most_ = 0;
};

// Gives others every chance to run.
void let_others_run() {
  for (int i = 0; i < 200; ++i) std::this_thread::yield();
}

// What a handler does is said by the path of its request: "/aside" steps aside and then waits at
// the gate, "/stay" only waits there, and others are answered at once; those of crowded_handler()
// that begin with "/ordinary" wait at the door, and are counted there.
class AsideTest : public ServerTest {
 protected:
  RunningServer::AsideHandler handler() {
    return [this](const http::Request& request, Server& server) {
      if (request.target.starts_with("/aside") && server.step_aside()) ++aside_;
      if (request.target.starts_with("/aside") || request.target.starts_with("/stay")) gate_.pass();
      return echo(request);
    };
  }

  RunningServer::AsideHandler crowded_handler() {
    return [this, handler = handler()](const http::Request& request, Server& server) {
      if (!request.target.starts_with("/ordinary")) return handler(request, server);
      crowd_.enter();
      door_.pass();
      let_others_run();
      crowd_.leave();
      return echo(request);
    };
  }

  // Connections that have sent a request each, "/<name>/0" and so on.
  [[nodiscard]] std::vector<UniqueFd> ask(const std::string& name, int count) const {
    std::vector<UniqueFd> connections;
    for (int i = 0; i < count; ++i) {
      connections.push_back(connect());
      REQUIRE(send_all(connections.back(), request_for(name + "/" + std::to_string(i))));
    }
    return connections;
  }

  static void check_answers(const std::vector<UniqueFd>& connections, const std::string& name) {
    for (std::size_t i = 0; i < connections.size(); ++i) {
      CHECK(answer_from(connections[i]) == answer_to(name + "/" + std::to_string(i)));
    }
  }

  // Of handlers that step aside, those that did so far.
  [[nodiscard]] int aside() const { return aside_; }

  Gate gate_;
  Gate door_;
  Crowd crowd_;

 private:
  std::atomic<int> aside_{0};
};

// How many threads the servers of this process have. Each has a memory file, which goes with its
// server; a thread that was joined may be listed in /proc/self/task a moment longer.
int thread_count() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<int>(std::count_if(begin(files), end(files), [](const auto& file) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(file.path(), error);
    return target.string().starts_with("/memfd:fastcgi-params");
  }));
}

TEST_CASE_METHOD(AsideTest, "Server: requests that wait aside leave all workers to the others") {
  Gate both;
  RunningServer server(listener(),
                       [&, handler = handler()](const http::Request& request, Server& self) {
                         if (request.target.starts_with("/both")) both.pass();
                         return handler(request, self);
                       },
                       2, {.aside_limit = 8});
  const auto waiting = ask("/aside", 8);
  gate_.wait_for_visitors(8);
  CHECK(aside() == 8);

  const auto others = ask("/both", 2);
  both.wait_for_visitors(2);
  both.open();
  check_answers(others, "/both");
  gate_.open();
  check_answers(waiting, "/aside");
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: who finds the limit reached counts as a worker") {
  std::atomic<bool> is_open{false};
  std::atomic<bool> is_early{false};
  RunningServer server(listener(),
                       [&, handler = handler()](const http::Request& request, Server& self) {
                         if (request.target == "/other" && !is_open) is_early = true;
                         return handler(request, self);
                       },
                       1, {.aside_limit = 1});
  const auto first = ask("/aside", 1);
  gate_.wait_for_visitors(1);
  CHECK(aside() == 1);
  const auto second = ask("/aside", 1);
  gate_.wait_for_visitors(2);
  CHECK(aside() == 1);

  const UniqueFd other = connect();
  REQUIRE(send_all(other, request_for("/other")));
  let_others_run();
  CHECK_FALSE(has_bytes_to_read(other.get()));
  is_open = true;
  gate_.open();
  CHECK(answer_from(other) == answer_to("/other"));
  CHECK_FALSE(is_early);
  check_answers(first, "/aside");
  check_answers(second, "/aside");
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: with no room aside, all keep their places") {
  RunningServer server(listener(), handler(), 2, {});
  const auto waiting = ask("/aside", 2);
  gate_.wait_for_visitors(2);
  CHECK(aside() == 0);
  CHECK(thread_count() == 2);
  gate_.open();
  check_answers(waiting, "/aside");
}

TEST_CASE_METHOD(AsideTest, "Server: when those aside are back, no more work than before") {
  RunningServer server(listener(), crowded_handler(), 2, {.aside_limit = 8});
  const auto waiting = ask("/aside", 8);
  gate_.wait_for_visitors(8);
  gate_.open();
  check_answers(waiting, "/aside");

  const auto ordinary = ask("/ordinary", 16);
  door_.wait_for_visitors(2);
  let_others_run();
  CHECK(crowd_.most() == 2);
  door_.open();
  check_answers(ordinary, "/ordinary");
  CHECK(crowd_.most() == 2);
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: a thread is started only when one steps aside, and once") {
  RunningServer server(listener(), handler(), 2, {.aside_limit = 2});
  check_answers(ask("/ordinary", 16), "/ordinary");
  CHECK(thread_count() == 2);

  const auto one = ask("/aside", 1);
  gate_.wait_for_visitors(1);
  CHECK(thread_count() == 3);
  const auto two = ask("/aside", 1);
  gate_.wait_for_visitors(2);
  CHECK(thread_count() == 4);
  gate_.open();
  check_answers(one, "/aside");
  check_answers(two, "/aside");
  // Those that were started work for those that step aside from now on.
  wait_until("twenty more that stand aside", [&] {
    check_answers(ask("/aside", 2), "/aside");
    return aside() >= 22;
  });
  CHECK(thread_count() == 4);
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: stepping aside twice is stepping aside once") {
  std::atomic<int> told_so{0};
  Crowd crowd;
  RunningServer server(listener(),
                       [&](const http::Request& request, Server& self) {
                         if (request.target.starts_with("/twice")) {
                           told_so += self.step_aside() ? 1 : 0;
                           told_so += self.step_aside() ? 1 : 0;
                           gate_.pass();
                           told_so += self.step_aside() ? 1 : 0;
                           return echo(request);
                         }
                         crowd.enter();
                         let_others_run();
                         crowd.leave();
                         return echo(request);
                       },
                       1, {.aside_limit = 4});
  const auto twice = ask("/twice", 1);
  gate_.wait_for_visitors(1);
  CHECK(thread_count() == 2);
  check_answers(ask("/ordinary", 8), "/ordinary");
  gate_.open();
  check_answers(twice, "/twice");
  check_answers(ask("/ordinary", 8), "/ordinary");
  CHECK(told_so == 3);
  CHECK(crowd.most() == 1);
  CHECK(thread_count() == 2);
}

TEST_CASE_METHOD(AsideTest, "Server: only a handler of its own can step aside") {
  RunningServer server(listener(), handler(), 1, {.aside_limit = 1});
  CHECK_FALSE(server.server().step_aside());

  test::TempFolder folder;
  const UniqueFd other_listener = test::listen_unix(folder.path() + "/socket");
  std::atomic<bool> is_aside{true};
  RunningServer other(
      other_listener.get(),
      [&](const http::Request& request) {
        is_aside = server.server().step_aside();
        return echo(request);
      },
      1);
  CHECK(exchanged(connect_unix(folder.path() + "/socket"), "/x") == answer_to("/x"));
  CHECK_FALSE(is_aside);
  CHECK(other.stop() == Outcome::kStopped);
  CHECK_FALSE(other.server().step_aside());

  const auto waiting = ask("/aside", 1);
  gate_.wait_for_visitors(1);
  CHECK(aside() == 1);
  gate_.open();
  check_answers(waiting, "/aside");
}

TEST_CASE_METHOD(AsideTest, "Server: requests behind one that waited aside are answered in order") {
  constexpr int kRequests = 20;
  RunningServer server(listener(), handler(), 1, {.aside_limit = 2});
  gate_.open();
  std::string requests;
  std::string expected;
  for (int i = 0; i < kRequests; ++i) {
    const std::string target = (i % 3 == 0 ? "/ordinary/" : "/aside/") + std::to_string(i);
    requests += request_for(target, /*keep=*/i < kRequests - 1);
    expected += answer_to(target);
  }
  const UniqueFd connection = connect();
  REQUIRE(send_all(connection, requests));
  const auto answers = test::parse_answer(test::receive_all(connection));
  CHECK(answers.is_sound);
  CHECK(answers.ends == kRequests);
  CHECK(answers.output == expected);
  CHECK(aside() > 0);
}

TEST_CASE_METHOD(AsideTest, "Server: a request behind one that waited aside waits for a worker") {
  RunningServer server(listener(), crowded_handler(), 1, {.aside_limit = 1});
  const UniqueFd connection = connect();
  REQUIRE(send_all(connection, request_for("/aside") + request_for("/ordinary/behind", false)));
  gate_.wait_for_visitors(1);
  const auto ordinary = ask("/ordinary", 1);
  door_.wait_for_visitors(1);

  gate_.open();
  wait_until("the first answer", [&] { return has_bytes_to_read(connection.get()); });
  let_others_run();
  CHECK(crowd_.most() == 1);
  door_.open();
  check_answers(ordinary, "/ordinary");
  const auto answers = test::parse_answer(test::receive_all(connection));
  CHECK(answers.output == answer_to("/aside") + answer_to("/ordinary/behind"));
  CHECK(crowd_.most() == 1);
}

TEST_CASE_METHOD(AsideTest, "Server: a handler that fails aside has its thread back at work") {
  std::atomic<bool> is_aside{false};
  RunningServer server(listener(),
                       [&, handler = handler()](const http::Request& request, Server& self) {
                         if (request.target != "/fail") return handler(request, self);
                         is_aside = self.step_aside();
                         throw std::runtime_error("out of memory, say");
                       },
                       1, {.aside_limit = 1});
  const UniqueFd failing = connect();
  REQUIRE(send_all(failing, request_for("/fail")));
  CHECK(test::is_closed_by_peer(failing));
  CHECK(is_aside);
  gate_.open();
  wait_until("one that stands aside", [&] {
    check_answers(ask("/aside", 1), "/aside");
    return aside() > 0;
  });
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: many clients get their own answers, whoever steps aside") {
  constexpr int kClients = 8;
  constexpr int kRequests = 60;
  RunningServer server(listener(), handler(), 2, {.aside_limit = 3});
  gate_.open();
  const auto ask_often = [&](int client) {
    int right = 0;
    UniqueFd connection = connect();
    for (int i = 0; i < kRequests; ++i) {
      const std::string target = (i % 2 == client % 2 ? "/aside/" : "/ordinary/") +
                                 std::to_string(client) + "/" + std::to_string(i);
      if (i % 10 == 0) connection = connect();
      if (exchanged(connection, target) == answer_to(target)) ++right;
    }
    return right;
  };
  std::vector<std::future<int>> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.push_back(std::async(std::launch::async, ask_often, client));
  }
  int right = 0;
  for (std::future<int>& client : clients) right += client.get();
  CHECK(right == kClients * kRequests);
  CHECK(aside() > 0);
  CHECK(server.stop() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: on stop, who waits aside is answered") {
  RunningServer server(listener(), handler(), 1, {.aside_limit = 4});
  const UniqueFd idle = connect();
  REQUIRE(exchanged(idle, "/x") == answer_to("/x"));
  const auto waiting = ask("/aside", 3);
  const UniqueFd one_behind_the_other = connect();
  REQUIRE(send_all(one_behind_the_other, request_for("/aside/first") + request_for("/second")));
  gate_.wait_for_visitors(4);

  server.tell_to_stop();
  CHECK(test::is_closed_by_peer(idle));
  CHECK_FALSE(server.has_ended());
  gate_.open();
  check_answers(waiting, "/aside");
  const auto answers = test::parse_answer(test::receive_all(one_behind_the_other));
  CHECK(answers.output == answer_to("/aside/first") + answer_to("/second"));
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: on stop, a request may still step aside") {
  RunningServer server(listener(), handler(), 1, {.aside_limit = 1});
  const UniqueFd idle = connect();
  REQUIRE(exchanged(idle, "/x") == answer_to("/x"));
  const std::string late_request = request_for("/aside/late");
  const std::string last_request = request_for("/last");
  const UniqueFd late = connect();
  REQUIRE(send_all(late, late_request.substr(0, 20)));
  const UniqueFd last = connect();
  REQUIRE(send_all(last, last_request.substr(0, 20)));
  // The worker is done with the halves once it answers somebody who came after them.
  REQUIRE(exchanged(connect(), "/y") == answer_to("/y"));

  server.tell_to_stop();
  CHECK(test::is_closed_by_peer(idle));
  REQUIRE(send_all(late, late_request.substr(20)));
  gate_.wait_for_visitors(1);
  CHECK(aside() == 1);
  REQUIRE(send_all(last, last_request.substr(20)));
  CHECK(answer_from(last) == answer_to("/last"));
  gate_.open();
  CHECK(answer_from(late) == answer_to("/aside/late"));
  CHECK(server.wait() == Outcome::kStopped);
}

TEST_CASE_METHOD(AsideTest, "Server: on stop, one that never comes back from aside is left") {
  // The threads of such a server are never joined, so it has a process of its own.
  const UniqueFd waiting = connect();
  REQUIRE(send_all(waiting, request_for("/forever")));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(static_cast<unsigned>(kPatience.count()));  // ends it in any case
    const StopSwitch stop;
    std::atomic<bool> is_aside{false};
    Server* self = nullptr;
    Server server({.listen_fd = listener(),
                   .stop_fd = stop.fd(),
                   .workers = 1,
                   .aside_limit = 1,
                   .body_limit_bytes = kBodyLimit,
                   .drain_limit = std::chrono::milliseconds{200}},
                  [&](const http::Request&) -> Reply {
                    is_aside = self->step_aside();
                    stop.press();
                    for (;;) ::pause();
                  });
    self = &server;
    const auto outcome = server.run();
    ::_exit(outcome == Outcome::kStuck && is_aside ? 0 : 1);
  }
  int status = -1;
  wait_until("the end of the server", [&] { return ::waitpid(child, &status, WNOHANG) == child; });
  CHECK(status == 0);
}

TEST_CASE_METHOD(AsideTest, "Server: does not leave while a request waits aside") {
  using std::chrono::steady_clock;
  RunningServer server(listener(), handler(), 1,
                       {.idle_exit = std::chrono::seconds{1}, .aside_limit = 1});
  const auto waiting = ask("/aside", 1);
  gate_.wait_for_visitors(1);
  const auto over = steady_clock::now() + std::chrono::milliseconds{2500};
  wait_until("the idle limit twice over", [&] { return steady_clock::now() > over; });
  CHECK_FALSE(server.has_ended());
  gate_.open();
  check_answers(waiting, "/aside");
  CHECK(server.wait() == Outcome::kStopped);
}

}  // namespace
}  // namespace registry::fcgi
