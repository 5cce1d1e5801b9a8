#include "common/fcgi/server.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/fcgi/cgi_request.h"

namespace registry::fcgi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Open connections at most; further ones wait in the listening socket's queue. nginx opens one per
// request in flight, so this is far above what `workers` can have in hand.
constexpr std::size_t kConnectionLimit = 256;
// A request arrives whole within this; nginx sends it in one go.
constexpr seconds kRequestReadLimit{10};
// Longer than nginx keeps an idle connection (60 s), so that it is nginx that closes it.
constexpr seconds kKeepIdleLimit{75};
// While stopping: for a connection that was accepted and has not sent its request yet.
constexpr seconds kDrainGrace{2};
// While stopping: for everything. Above what a handler may wait for the store.
constexpr seconds kDrainLimit{15};
// How often deadlines are looked at.
constexpr milliseconds kTick{1000};
constexpr milliseconds kDrainTick{50};
constexpr std::size_t kReadBytes = std::size_t{16} << 10U;

// What the epoll set says is ready; connections have the ids above.
constexpr std::uint64_t kListenerEvent = 0;
constexpr std::uint64_t kFinishedEvent = 1;
constexpr std::uint64_t kFirstConnection = 2;

[[noreturn]] void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

void add_to_epoll(int epoll, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
}

bool has_bytes(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void limit_writes(int fd, milliseconds limit_ms) {
  const timeval limit{.tv_sec = limit_ms.count() / 1000, .tv_usec = limit_ms.count() % 1000 * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

}  // namespace

bool is_listening_socket(int fd) {
  int is_listening = 0;
  socklen_t size = sizeof(is_listening);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
         is_listening != 0;
}

UniqueFd redirect_stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    throw std::system_error(error, std::generic_category(), "pthread_sigmask");
  }
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd) throw_errno("signalfd");
  return fd;
}

// What each worker thread has of its own.
class Server::Worker {
 public:
  Exchange exchange;
  std::array<char, kReadBytes> buffer{};
};

Server::Server(const ServerOptions& options, Handler handler)
    : options_(options),
      handler_(std::move(handler)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      finished_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
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
  add_to_epoll(epoll_.get(), finished_.get(), EPOLLIN, kFinishedEvent);
  touch();
  {
    const std::lock_guard lock(mutex_);
    listen(true);
  }
  for (int i = 0; i < options_.workers; ++i) workers_.push_back(std::make_unique<Worker>());
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([this, &worker = *worker] { work(worker); });
  }
  pollfd stop{.fd = options_.stop_fd, .events = POLLIN, .revents = 0};
  for (;;) {
    if (::poll(&stop, 1, static_cast<int>(kTick.count())) > 0) break;
    close_expired();
    if (is_idle_for_too_long()) break;
  }
  return drain(threads);
}

void Server::work(Worker& worker) {
  for (;;) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("epoll_wait");
    if (event.data.u64 == kFinishedEvent) return;
    if (event.data.u64 == kListenerEvent) {
      accept_connection(worker);
    } else {
      resume_connection(worker, event.data.u64);
    }
  }
}

// The caller holds mutex_.
void Server::listen(bool enable) {
  if (enable == is_listening_) return;
  is_listening_ = enable;
  if (enable) {
    // Exclusive: a new connection wakes one of the processes that share the socket, not all.
    add_to_epoll(epoll_.get(), options_.listen_fd, EPOLLIN | EPOLLEXCLUSIVE, kListenerEvent);
  } else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, options_.listen_fd, nullptr) != 0) {
    throw_errno("epoll_ctl");
  }
}

void Server::accept_connection(Worker& worker) {
  Connection* connection = nullptr;
  {
    // Accepted under the lock: once drain() has stopped listening, no connection comes after it.
    const std::lock_guard lock(mutex_);
    if (!is_listening_) return;
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
    connection = created.get();
    connections_.emplace(id, std::move(created));
    if (connections_.size() >= kConnectionLimit) listen(false);
  }
  serve(worker, *connection);
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
  serve(worker, *connection);
}

// Reads and answers until the peer has nothing more to say for now.
void Server::serve(Worker& worker, Connection& connection) {
  for (;;) {
    std::string_view bytes = connection.unread;
    if (bytes.empty()) {
      const ssize_t count =
          ::recv(connection.fd.get(), worker.buffer.data(), worker.buffer.size(), MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return park(connection);
      if (count <= 0) return drop(connection.id);
      bytes = std::string_view(worker.buffer.data(), static_cast<std::size_t>(count));
    }
    const std::size_t taken = connection.assembler.feed(bytes);
    connection.unread = std::string(bytes.substr(taken));
    switch (connection.assembler.state()) {
      case RequestAssembler::State::kIncomplete:
        continue;
      case RequestAssembler::State::kBroken:
        return drop(connection.id);
      case RequestAssembler::State::kComplete:
        if (!answer(worker, connection)) return drop(connection.id);
        // Most often the next request is not there yet: epoll tells.
        if (connection.unread.empty()) return park(connection);
    }
  }
}

// Returns whether the connection is to be kept.
bool Server::answer(Worker& worker, Connection& connection) {
  RequestAssembler& assembler = connection.assembler;
  const bool keep = assembler.keep_connection();
  bool is_sent = false;
  try {
    worker.exchange.begin(assembler.params_stream());
    http::Request request = read_request(
        [&](const char* name) { return worker.exchange.parameter(name); }, assembler.body_bytes());
    request.body_too_large = assembler.is_body_too_large();
    request.body = std::move(assembler.body);
    const Reply reply = handler_(std::move(request));
    is_sent = worker.exchange.finish(connection.fd, reply);
  } catch (const std::exception&) {
    // The handler does not throw, so memory has run out: this request has no answer, nginx says
    // 502, and the process goes on.
    worker.exchange.abandon();
  }
  touch();
  connection.has_served = true;
  assembler = RequestAssembler(options_.body_limit_bytes);
  return is_sent && keep;
}

// Waits for bytes in the epoll set; no worker has the connection meanwhile.
void Server::park(Connection& connection) {
  const std::lock_guard lock(mutex_);
  if (is_draining_ && connection.is_idle() && !has_bytes(connection.fd.get())) {
    connections_.erase(connection.id);
    closed_.notify_all();
    return;
  }
  const auto limit = is_draining_           ? kDrainGrace
                     : connection.is_idle() ? kKeepIdleLimit
                                            : kRequestReadLimit;
  connection.deadline = SteadyClock::now() + limit;
  connection.is_waiting = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
  event.data.u64 = connection.id;
  const int operation = connection.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  connection.is_registered = true;
  if (::epoll_ctl(epoll_.get(), operation, connection.fd.get(), &event) != 0) {
    throw_errno("epoll_ctl");
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
  if (!is_draining_ && connections_.size() < kConnectionLimit) listen(true);
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

Server::Outcome Server::drain(std::vector<std::thread>& threads) {
  const auto end = SteadyClock::now() + kDrainLimit;
  std::unique_lock lock(mutex_);
  is_draining_ = true;
  listen(false);
  std::erase_if(connections_, [](const auto& entry) {
    const Connection& connection = *entry.second;
    return connection.is_waiting && connection.is_idle() && !has_bytes(connection.fd.get());
  });
  const auto grace_end = SteadyClock::now() + kDrainGrace;
  for (auto& [id, connection] : connections_) {
    connection->deadline = std::min(connection->deadline, grace_end);
  }
  while (!connections_.empty() && SteadyClock::now() < end) {
    closed_.wait_for(lock, kDrainTick);
    lock.unlock();
    close_expired();
    lock.lock();
  }
  const bool is_empty = connections_.empty();
  lock.unlock();
  if (!is_empty) {
    for (std::thread& thread : threads) thread.detach();
    return Outcome::kStuck;
  }
  // Stays readable, so every worker sees it.
  if (::eventfd_write(finished_.get(), 1) != 0) throw_errno("eventfd_write");
  for (std::thread& thread : threads) thread.join();
  return Outcome::kStopped;
}

}  // namespace registry::fcgi
