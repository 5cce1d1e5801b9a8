#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/unique_fd.h"
#include "common/fcgi/crew.h"
#include "common/fcgi/reply.h"
#include "common/fcgi/request_assembler.h"

namespace registry::fcgi {

// True when the descriptor is a listening stream socket, as FastCGI hands one over on descriptor 0.
[[nodiscard]] bool is_listening_socket(int fd);

struct ServerOptions {
  int listen_fd = 0;
  int stop_fd = -1;  // readable when the server is to stop
  int workers = 4;
  // How many workers may stand aside at once; each has one more thread take its place. 0: none.
  int aside_limit = 0;
  std::size_t body_limit_bytes = 0;
  std::chrono::seconds idle_exit{0};  // 0: never
  // A request arrives whole within this time of its first byte; nginx sends it in one go.
  std::chrono::milliseconds request_limit{10'000};
  // How long one write of an answer may wait for a peer that does not read.
  std::chrono::milliseconds write_limit{10'000};
  // The same for an answer that is made while it is sent: nginx, having taken as much of it as it
  // keeps (16 MB, deploy/nginx/server.conf), reads nothing until its client has that.
  std::chrono::milliseconds stream_write_limit{60'000};
  // While stopping: for a connection whose request has not arrived, for an answer that is made
  // while it is sent, which breaks off then, and for everything. The last is above what a handler
  // may wait for the store.
  std::chrono::milliseconds drain_grace{2'000};
  std::chrono::milliseconds stream_grace{5'000};
  std::chrono::milliseconds drain_limit{20'000};
};

// Serves FastCGI on a listening socket that other processes may share.
//
// Workers wait on one epoll set for the listening socket and for every connection that is idle or
// whose request is not complete, so neither a kept connection nor a slow peer holds a thread: a
// worker takes a connection only while there are bytes to read or an answer to give.
//
// What is kept of a request is wiped once it is of no use; memory that is freed is not looked after
// here.
class Server {
 public:
  enum class Outcome {
    kStopped,  // everything that was accepted has been answered
    kStuck,    // a handler did not return in time: the process must end with _exit()
  };

  Server(const ServerOptions& options, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Serves until stop_fd becomes readable or the idle limit is over; then stops accepting, leaves
  // the queue of the listening socket to whoever shares it, answers what is in flight, closes idle
  // kept connections, busy ones after one more request, and returns within drain_limit. Once.
  [[nodiscard]] Outcome run();

  // Called by the handler while it answers a request, before it waits for something slow that takes
  // no connection to the store: from now until the answer is sent, its thread does not count as one
  // of the workers, and another one takes its place. Returns whether that is so. If not, the
  // handler goes on and the thread counts: aside_limit of them stand aside, no thread can be
  // started, or the caller is no handler of this server. A second call for the same request changes
  // nothing.
  bool step_aside() noexcept { return crew_.step_aside(); }

 private:
  using SteadyClock = std::chrono::steady_clock;

  struct Connection {
    Connection(std::uint64_t connection_id, UniqueFd connection_fd, std::size_t body_limit_bytes)
        : id(connection_id), fd(std::move(connection_fd)), assembler(body_limit_bytes) {}

    // Of a kept connection.
    [[nodiscard]] bool is_between_requests() const {
      return has_served && !assembler.has_started();
    }
    [[nodiscard]] bool is_idle() const { return is_between_requests() && unread.empty(); }

    std::uint64_t id;
    UniqueFd fd;
    RequestAssembler assembler;
    std::string unread;           // bytes that came behind a complete request
    bool has_served = false;      // at least one request was answered
    bool is_registered = false;   // in the epoll set
    bool is_at_its_last = false;  // while stopping: no request is taken after the one that is there
    // While an answer is made and sent: the same socket, for end_streams(). Guarded by mutex_.
    UniqueFd stream = {};
    bool is_waiting = false;           // for bytes; no worker has it
    SteadyClock::time_point deadline;  // for the request, or for the next one
  };

  void work(Worker& worker);
  void accept_connection(Worker& worker);
  void resume_connection(Worker& worker, std::uint64_t id);
  void serve_or_drop(Worker& worker, Connection& connection);
  void serve(Worker& worker, Connection& connection);
  [[nodiscard]] bool answer(Worker& worker, Connection& connection);
  [[nodiscard]] Reply reply_to(http::Request request);
  void set_streaming(Connection& connection, bool is_streaming);
  void end_streams();
  void park(Connection& connection);
  void drop(std::uint64_t id);
  void listen(bool enable) noexcept;
  void close_expired();
  [[nodiscard]] bool is_idle_for_too_long();
  [[nodiscard]] Outcome drain();
  void end_workers();
  void touch() { last_activity_ = SteadyClock::now().time_since_epoch().count(); }

  ServerOptions options_;
  std::size_t connection_limit_;
  Handler handler_;
  UniqueFd epoll_;
  UniqueFd finished_;  // an eventfd: the workers leave
  Crew crew_;
  std::atomic<SteadyClock::rep> last_activity_{0};
  std::atomic<bool> is_ending_streams_{false};

  std::mutex mutex_;  // guards what follows, and the waiting connections in the map
  std::condition_variable closed_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_;
  bool is_listening_ = false;
  bool is_draining_ = false;
  SteadyClock::time_point drain_grace_end_;  // while draining
};

}  // namespace registry::fcgi
