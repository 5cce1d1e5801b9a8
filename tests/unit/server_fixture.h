#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "common/fcgi/server.h"
#include "tests/support/socket.h"
#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"
#include "tests/unit/fastcgi_peer.h"
#include "tests/unit/libfcgi.h"

// A FastCGI server in this process, and its peers.
namespace registry::fcgi {

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
    int aside_limit = 0;
  };
  // A handler that tells its server to let it step aside.
  using AsideHandler = std::function<Reply(const http::Request&, Server&)>;
  RunningServer(int listen_fd, Handler handler, int workers)
      : RunningServer(listen_fd, std::move(handler), workers, Limits{}) {}
  RunningServer(int listen_fd, AsideHandler handler, int workers, const Limits& limits)
      : RunningServer(listen_fd,
                      Handler([this, handler = std::move(handler)](const http::Request& request) {
                        return handler(request, server_);
                      }),
                      workers, limits) {}
  RunningServer(int listen_fd, Handler handler, int workers, const Limits& limits)
      : server_({.listen_fd = listen_fd,
                 .stop_fd = stop_.fd(),
                 .workers = workers,
                 .aside_limit = limits.aside_limit,
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

  [[nodiscard]] Server& server() { return server_; }
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

inline Reply echo(const http::Request& request) {
  return {.head = request.method + " " + request.target + (request.body_too_large ? " large" : "") +
                  (request.body_truncated ? " truncated" : "") + "\r\n\r\n",
          .body = request.body};
}

inline std::string request_for(const std::string& target, bool keep = true) {
  return test::fastcgi_request(
      {.variables = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", target}}, .keep = keep});
}

inline std::string post_of(const std::string& body, const std::string& content_length) {
  return test::fastcgi_request({.variables = {{"REQUEST_METHOD", "POST"},
                                              {"REQUEST_URI", "/"},
                                              {"CONTENT_LENGTH", content_length}},
                                .body = body});
}

// The output of one whole answer.
inline std::string answer_from(const UniqueFd& connection, int request_id = 1) {
  const auto answer = test::parse_answer(receive_fastcgi_answer(connection), request_id);
  if (!answer.is_sound || answer.ends != 1) throw std::runtime_error("an unsound answer");
  return answer.output;
}

inline std::string exchanged(const UniqueFd& connection, const std::string& target) {
  if (!send_all(connection, request_for(target))) throw std::runtime_error("closed by the server");
  return answer_from(connection);
}

inline std::string answer_to(const std::string& target) {
  return "GET " + target + "\r\n\r\n";
}

inline bool has_bytes_to_read(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) > 0;
}

// Begins a request, and then sends its parameters byte by byte until the server has enough.
inline void drip_until_closed(const UniqueFd& connection) {
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

}  // namespace registry::fcgi
