#include "tests/support/stub_server.h"

#include <array>
#include <stdexcept>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace registry::test {
namespace {

// Up to the end of the request's head; empty when the client is gone or the server stops.
std::string read_head(int connection, int stop) {
  std::string head;
  std::array<char, 1024> piece{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    std::array<pollfd, 2> sources{{{.fd = connection, .events = POLLIN, .revents = 0},
                                   {.fd = stop, .events = POLLIN, .revents = 0}}};
    ::poll(sources.data(), sources.size(), -1);
    if (sources[1].revents != 0) return {};
    const ssize_t count = ::read(connection, piece.data(), piece.size());
    if (count <= 0) return {};
    head.append(piece.data(), static_cast<std::size_t>(count));
  }
  return head;
}

}  // namespace

StubServer::StubServer(Answer answer)
    : answer_(std::move(answer)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), SOMAXCONN) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("a stub server cannot listen");
  }
  port_ = ::ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

StubServer::~StubServer() {
  ::eventfd_write(stop_.get(), 1);
}

void StubServer::serve() {
  for (;;) {
    std::array<pollfd, 2> sources{{{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
    ::poll(sources.data(), sources.size(), -1);
    if (sources[1].revents != 0) return;
    serve_one(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
}

void StubServer::serve_one(UniqueFd connection) {
  const std::string head = read_head(connection.get(), stop_.get());
  const std::size_t begin = head.find(' ') + 1;
  if (head.empty()) return;
  const std::string answer = answer_(head.substr(begin, head.find(' ', begin) - begin));
  if (!answer.empty()) {
    ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return;
  }
  std::array<pollfd, 2> sources{{{.fd = connection.get(), .events = POLLRDHUP, .revents = 0},
                                 {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
  ::poll(sources.data(), sources.size(), -1);
}

std::string http_answer(const std::string& body, int status, const std::string& more_headers) {
  return "HTTP/1.1 " + std::to_string(status) +
         " x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         more_headers + "\r\n" + body;
}

}  // namespace registry::test
