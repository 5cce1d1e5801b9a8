#include "common/fcgi/server.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <span>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/base/wipe.h"
#include "common/fcgi/cgi_request.h"

namespace registry::fcgi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Open connections at most; further ones wait in the listening socket's queue. nginx opens one per
// request in flight, so this is far above what `workers` can have in hand.
constexpr std::size_t kConnectionLimit = 256;
// Their requests may take this much memory together, so large bodies leave room for fewer.
constexpr std::size_t kBufferBudgetBytes = std::size_t{64} << 20U;
constexpr std::size_t kConnectionMinimum = 8;
// Longer than nginx keeps an idle connection by default (60 s), so that it is nginx that closes it.
constexpr seconds kKeepIdleLimit{75};
// How often deadlines are looked at.
constexpr milliseconds kTick{1000};
constexpr milliseconds kDrainTick{50};

// What the epoll set says is ready; connections have the ids above.
constexpr std::uint64_t kListenerEvent = 0;
constexpr std::uint64_t kFinishedEvent = 1;
constexpr std::uint64_t kFirstConnection = 2;

[[noreturn]] void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

// Adds a descriptor to an epoll set or changes what it waits for; false when there is no room.
bool watch(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

std::size_t connection_limit(std::size_t body_limit_bytes) {
  const std::size_t fitting = kBufferBudgetBytes / std::max<std::size_t>(body_limit_bytes, 1);
  return std::clamp(fitting, kConnectionMinimum, kConnectionLimit);
}

bool has_bytes(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void limit_writes(int fd, milliseconds limit_ms) {
  const timeval limit{.tv_sec = limit_ms.count() / 1000, .tv_usec = limit_ms.count() % 1000 * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

// Whether there is something to read, now or before the wait is over.
bool is_readable(int fd, std::chrono::milliseconds wait = std::chrono::milliseconds(0)) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace

bool is_listening_socket(int fd) {
  int is_listening = 0;
  socklen_t size = sizeof(is_listening);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
         is_listening != 0;
}

Server::Server(const ServerOptions& options, Handler handler)
    : options_(options),
      connection_limit_(connection_limit(options.body_limit_bytes)),
      handler_(std::move(handler)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      finished_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      crew_({.places = options.workers, .aside_limit = options.aside_limit},
            [this](Worker& worker) { work(worker); }),
      next_id_(kFirstConnection) {
  if (!epoll_) throw_errno("epoll_create1");
  if (!finished_) throw_errno("eventfd");
  // Another thread or process may take the connection that woke this one; accept must not wait
  // then. The flag belongs to the socket, so it is shared; every function sets it.
  const int flags = ::fcntl(options_.listen_fd, F_GETFL);
  if (flags < 0 || ::fcntl(options_.listen_fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    throw_errno("fcntl");
  }
}

Server::~Server() = default;

Server::Outcome Server::run() {
  if (!watch(epoll_.get(), EPOLL_CTL_ADD, finished_.get(), EPOLLIN, kFinishedEvent)) {
    throw_errno("epoll_ctl");
  }
  touch();
  {
    const std::lock_guard lock(mutex_);
    listen(true);
  }
  try {
    crew_.start();
  } catch (...) {
    end_workers();
    throw;
  }
  for (;;) {
    if (is_readable(options_.stop_fd, kTick)) break;
    close_expired();
    if (is_idle_for_too_long()) break;
  }
  return drain();
}

void Server::work(Worker& worker) {
  for (;;) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("epoll_wait");
    if (event.data.u64 == kFinishedEvent) return;
    try {
      if (event.data.u64 == kListenerEvent) {
        accept_connection(worker);
      } else {
        resume_connection(worker, event.data.u64);
      }
    } catch (const std::bad_alloc&) {
      // The connection that was being accepted is closed again; the others go on.
    }
    if (!crew_.take_place(worker)) return;
  }
}

// The caller holds mutex_. When there is no room in the epoll set, the next tick tries again.
void Server::listen(bool enable) noexcept {
  if (enable == is_listening_) return;
  if (enable) {
    // Exclusive: a new connection wakes one of the processes that share the socket, not all.
    is_listening_ = watch(epoll_.get(), EPOLL_CTL_ADD, options_.listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
                          kListenerEvent);
  } else {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, options_.listen_fd, nullptr);
    is_listening_ = false;
  }
}

void Server::accept_connection(Worker& worker) {
  Connection* connection = nullptr;
  {
    // Accepted under the lock: once drain() has stopped listening, no connection comes after it.
    const std::lock_guard lock(mutex_);
    if (!is_listening_) return;
    // Told to stop, but drain() has not begun: the queue is left to whoever shares the socket.
    if (is_readable(options_.stop_fd)) return;
    UniqueFd fd(::accept4(options_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC));
    const bool is_another_faster = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    const bool is_peer_gone = errno == ECONNABORTED || errno == EPROTO;
    // Out of descriptors or memory, say: the next tick, or the end of a connection, listens again.
    if (!fd && !is_another_faster && !is_peer_gone) listen(false);
    if (!fd) return;
    limit_writes(fd.get(), options_.write_limit);
    touch();
    const std::uint64_t id = next_id_++;
    auto created = std::make_unique<Connection>(id, std::move(fd), options_.body_limit_bytes);
    created->deadline = SteadyClock::now() + options_.request_limit;
    connection = created.get();
    connections_.emplace(id, std::move(created));
    if (connections_.size() >= connection_limit_) listen(false);
  }
  serve_or_drop(worker, *connection);
}

void Server::resume_connection(Worker& worker, std::uint64_t id) {
  Connection* connection = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(id);
    // Its deadline may have passed between the event and now.
    if (found == connections_.end()) return;
    connection = found->second.get();
    connection->is_waiting = false;
    touch();
  }
  serve_or_drop(worker, *connection);
}

void Server::serve_or_drop(Worker& worker, Connection& connection) {
  const std::uint64_t id = connection.id;
  try {
    serve(worker, connection);
  } catch (const std::exception&) {
    // The handler does not throw, so memory has run out: this request has no answer, nginx says
    // 502, and the process goes on.
    worker.exchange.abandon();
    wipe(worker.buffer->data(), worker.buffer->size());
    drop(id);
  }
}

// Reads and answers until the peer has nothing more to say for now, or the worker stands aside.
void Server::serve(Worker& worker, Connection& connection) {
  for (;;) {
    std::span<char> bytes(connection.unread);
    if (bytes.empty()) {
      const ssize_t count =
          ::recv(connection.fd.get(), worker.buffer->data(), worker.buffer->size(), MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return park(connection);
      if (count <= 0) return drop(connection.id);
      bytes = std::span(*worker.buffer).first(static_cast<std::size_t>(count));
    }
    // A fresh connection has had its deadline since it was accepted.
    if (connection.is_between_requests()) {
      connection.deadline = SteadyClock::now() + options_.request_limit;
    }
    const std::size_t taken = connection.assembler.feed({bytes.data(), bytes.size()});
    std::string rest(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
    wipe(bytes.data(), bytes.size());
    connection.unread = std::move(rest);
    switch (connection.assembler.state()) {
      case RequestAssembler::State::kIncomplete:
        continue;
      case RequestAssembler::State::kBroken:
        return drop(connection.id);
      case RequestAssembler::State::kComplete:
        if (!answer(worker, connection)) return drop(connection.id);
        // Most often the next request is not there yet: epoll tells. A worker that stands aside
        // leaves it to the others even when it is.
        if (connection.unread.empty() || worker.is_aside) return park(connection);
    }
  }
}

// Returns whether the connection is to be kept.
bool Server::answer(Worker& worker, Connection& connection) {
  RequestAssembler& assembler = connection.assembler;
  worker.exchange.begin(assembler.params_stream());
  http::Request request = read_request(
      [&](const char* name) { return worker.exchange.parameter(name); }, assembler.body_bytes());
  request.body_too_large = assembler.is_body_too_large();
  request.body = assembler.take_body();
  const Reply reply = reply_to(std::move(request));
  const bool is_stream = static_cast<bool>(reply.more);
  if (is_stream) set_streaming(connection, true);
  const bool is_sent = worker.exchange.finish(connection.fd, reply);
  if (is_stream) set_streaming(connection, false);
  const bool keep = assembler.keep_connection();
  assembler.start_over();
  connection.has_served = true;
  connection.deadline = SteadyClock::now() + kKeepIdleLimit;
  touch();
  return is_sent && keep;
}

// An answer that is made while it is sent goes on no longer than the server does.
Reply Server::reply_to(http::Request request) {
  Reply reply = handler_(std::move(request));
  if (!reply.more) return reply;
  reply.more = [this, more = std::move(reply.more)]() -> std::optional<std::string> {
    touch();
    if (is_ending_streams_) return std::nullopt;
    return more();
  };
  return reply;
}

void Server::set_streaming(Connection& connection, bool is_streaming) {
  limit_writes(connection.fd.get(),
               is_streaming ? options_.stream_write_limit : options_.write_limit);
  // The other descriptor is closed by whoever answers, at any time.
  UniqueFd stream(is_streaming ? ::fcntl(connection.fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
  const std::lock_guard lock(mutex_);
  connection.stream = std::move(stream);
}

// Also those that wait for their peers to read. Under mutex_.
void Server::end_streams() {
  is_ending_streams_ = true;
  for (auto& [id, connection] : connections_) {
    if (connection->stream) ::shutdown(connection->stream.get(), SHUT_RDWR);
  }
}

// Waits for bytes in the epoll set; no worker has the connection meanwhile.
void Server::park(Connection& connection) {
  const std::lock_guard lock(mutex_);
  if (is_draining_) connection.deadline = std::min(connection.deadline, drain_grace_end_);
  const bool is_over = SteadyClock::now() >= connection.deadline;
  // A peer under load has the next request on its way before the answer to the last one is looked
  // at. If that went on, stopping would last as long as drain_grace.
  const bool is_unwanted = is_draining_ && connection.is_idle() &&
                           (connection.is_at_its_last || !has_bytes(connection.fd.get()));
  connection.is_at_its_last = is_draining_;
  const int operation = connection.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  // With a request in hand there is nothing to wait for but that the peer takes the last answer.
  const std::uint32_t events = connection.unread.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  connection.is_waiting = true;
  connection.is_registered = true;
  if (is_over || is_unwanted ||
      !watch(epoll_.get(), operation, connection.fd.get(), events | EPOLLRDHUP | EPOLLONESHOT,
             connection.id)) {
    connections_.erase(connection.id);
    closed_.notify_all();
  }
}

void Server::drop(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  connections_.erase(id);
  if (!is_draining_) listen(true);
  closed_.notify_all();
}

void Server::close_expired() {
  const std::lock_guard lock(mutex_);
  const auto now = SteadyClock::now();
  const auto is_expired = [&](const auto& entry) {
    return entry.second->is_waiting && entry.second->deadline <= now;
  };
  std::erase_if(connections_, is_expired);
  if (!is_draining_ && connections_.size() < connection_limit_) listen(true);
}

bool Server::is_idle_for_too_long() {
  if (options_.idle_exit == seconds{0}) return false;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, connection] : connections_) {
    if (!connection->is_waiting || !connection->is_idle()) return false;
  }
  const SteadyClock::time_point last{SteadyClock::duration{last_activity_.load()}};
  return SteadyClock::now() - last >= options_.idle_exit;
}

Server::Outcome Server::drain() {
  std::unique_lock lock(mutex_);
  const auto end = SteadyClock::now() + options_.drain_limit;
  is_draining_ = true;
  drain_grace_end_ = SteadyClock::now() + options_.drain_grace;
  listen(false);
  std::erase_if(connections_, [](const auto& entry) {
    const Connection& connection = *entry.second;
    return connection.is_waiting && connection.is_idle() && !has_bytes(connection.fd.get());
  });
  for (auto& [id, connection] : connections_) {
    if (!connection->is_waiting) continue;  // park() sees to it
    connection->is_at_its_last = true;
    connection->deadline = std::min(connection->deadline, drain_grace_end_);
  }
  const auto streams_end = SteadyClock::now() + options_.stream_grace;
  while (!connections_.empty() && SteadyClock::now() < end) {
    if (SteadyClock::now() >= streams_end) end_streams();
    closed_.wait_for(lock, kDrainTick);
    lock.unlock();
    close_expired();
    lock.lock();
  }
  const bool is_empty = connections_.empty();
  lock.unlock();
  if (!is_empty) {
    crew_.detach();
    return Outcome::kStuck;
  }
  end_workers();
  return Outcome::kStopped;
}

void Server::end_workers() {
  // Stays readable, so every worker sees it.
  if (::eventfd_write(finished_.get(), 1) != 0) throw_errno("eventfd_write");
  crew_.join();
}

}  // namespace registry::fcgi
