#include "tests/site/responder.h"

#include <array>
#include <optional>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/support/socket.h"

namespace registry::test {
namespace {

constexpr int kBegin = 1;
constexpr int kEnd = 3;
constexpr int kParameters = 4;
constexpr int kInput = 5;
constexpr int kOutput = 6;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kPieceBytes = 16384;

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes.at(at));
}

// Takes a length of one byte or four off the front.
std::size_t take_length(std::string_view& bytes) {
  std::size_t length = byte_at(bytes, 0);
  std::size_t count = 1;
  if (length >= 128) {
    length = (length & 127U) << 24U | byte_at(bytes, 1) << 16U | byte_at(bytes, 2) << 8U |
             byte_at(bytes, 3);
    count = 4;
  }
  bytes.remove_prefix(count);
  return length;
}

std::map<std::string, std::string> decode(std::string_view bytes) {
  std::map<std::string, std::string> parameters;
  while (!bytes.empty()) {
    const std::size_t name = take_length(bytes);
    const std::size_t value = take_length(bytes);
    parameters.emplace(bytes.substr(0, name), bytes.substr(name, value));
    bytes.remove_prefix(name + value);
  }
  return parameters;
}

// Takes a whole request off the front; nothing when it is not all there.
std::optional<Responder::Seen> take_request(std::string& bytes) {
  Responder::Seen request;
  std::string parameters;
  for (std::string_view rest = bytes; rest.size() >= kHeaderBytes;) {
    const std::size_t type = byte_at(rest, 1);
    const std::size_t content_bytes = byte_at(rest, 4) << 8U | byte_at(rest, 5);
    const std::size_t record_bytes = kHeaderBytes + content_bytes + byte_at(rest, 6);
    if (rest.size() < record_bytes) return std::nullopt;
    const std::string_view content = rest.substr(kHeaderBytes, content_bytes);
    rest.remove_prefix(record_bytes);
    if (type == kBegin) request.keep = (byte_at(content, 2) & 1U) != 0;
    if (type == kParameters) parameters += content;
    if (type == kInput && content.empty()) {
      request.parameters = decode(parameters);
      bytes = std::string(rest);
      return request;
    }
  }
  return std::nullopt;
}

}  // namespace

Responder::Responder(const std::string& path, std::vector<Act> acts)
    : listener_(listen_unix(path)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      acts_(std::move(acts)),
      thread_([this] { work(); }) {}

Responder::~Responder() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::vector<Responder::Seen> Responder::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

void Responder::work() {
  std::vector<Connection> connections;
  for (;;) {
    std::vector<pollfd> ready = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const Connection& connection : connections) {
      ready.push_back({.fd = connection.fd.get(), .events = POLLIN, .revents = 0});
    }
    ::poll(ready.data(), ready.size(), -1);
    if (ready[0].revents != 0) return;
    // From behind, as closed ones are taken out.
    for (std::size_t i = connections.size(); i-- > 0;) {
      if (ready[i + 2].revents != 0 && !read(connections[i])) {
        connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (ready[1].revents != 0) {
      connections.push_back(
          {.number = ++accepted_, .fd = UniqueFd(::accept(listener_.get(), nullptr, nullptr))});
    }
  }
}

// Returns whether the connection is to be kept.
bool Responder::read(Connection& connection) {
  std::array<char, kPieceBytes> piece{};
  const ssize_t count = ::recv(connection.fd.get(), piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  connection.bytes.append(piece.data(), static_cast<std::size_t>(count));
  while (const std::optional<Seen> request = take_request(connection.bytes)) {
    if (!handle(connection, *request)) return false;
  }
  return true;
}

bool Responder::handle(Connection& connection, const Seen& request) {
  std::size_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request);
    seen_.back().connection = connection.number;
    number = seen_.size();
  }
  if (number <= acts_.size() && acts_[number - 1] == Act::kHangUp) return false;
  const std::string head = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhere";
  send_all(connection.fd, fastcgi_record(kOutput, 1, head) + fastcgi_record(kOutput, 1, {}) +
                              fastcgi_record(kEnd, 1, std::string(8, '\0')));
  return request.keep;
}

}  // namespace registry::test
