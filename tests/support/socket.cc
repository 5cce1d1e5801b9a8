#include "tests/support/socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tests/support/transcript.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr int kEndRequest = 3;
constexpr int kStdout = 6;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd open_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno("socket");
  const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  return fd;
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("socket path too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

template <class Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::size_t record_bytes(std::string_view header) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(header[at]); };
  return kHeaderBytes + std::size_t{256} * byte(4) + byte(5) + byte(6);
}

std::string pair(std::string_view name, std::string_view value) {
  std::string text;
  text.push_back(static_cast<char>(name.size()));
  text.push_back(static_cast<char>(value.size()));
  return text.append(name).append(value);
}

}  // namespace

UniqueFd listen_unix(const std::string& path) {
  UniqueFd fd = open_socket(AF_UNIX);
  const sockaddr_un address = unix_address(path);
  if (::bind(fd.get(), generic(address), sizeof(address)) != 0) throw_errno("bind " + path);
  if (::listen(fd.get(), 511) != 0) throw_errno("listen");
  return fd;
}

UniqueFd connect_unix(const std::string& path) {
  UniqueFd fd = open_socket(AF_UNIX);
  const sockaddr_un address = unix_address(path);
  if (::connect(fd.get(), generic(address), sizeof(address)) != 0) throw_errno("connect " + path);
  return fd;
}

UniqueFd connect_tcp(int port) {
  UniqueFd fd = open_socket(AF_INET);
  const sockaddr_in address = loopback(port);
  if (::connect(fd.get(), generic(address), sizeof(address)) != 0) throw_errno("connect");
  return fd;
}

int free_port() {
  const UniqueFd fd = open_socket(AF_INET);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(fd.get(), generic(address), sizeof(address)) != 0) throw_errno("bind");
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw_errno("getsockname");
  }
  return ntohs(address.sin_port);
}

bool send_all(const UniqueFd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string receive_all(const UniqueFd& socket) {
  std::string received;
  std::array<char, 16384> piece{};
  for (;;) {
    const ssize_t count = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw_errno("recv");
    if (count <= 0) return received;
    received.append(piece.data(), static_cast<std::size_t>(count));
  }
}

std::string exchange_bytes(int port, std::string_view bytes) {
  const UniqueFd socket = connect_tcp(port);
  send_all(socket, bytes);
  std::string answer = receive_all(socket);
  record_exchange(bytes, answer);
  return answer;
}

bool is_closed_by_peer(const UniqueFd& socket) {
  char byte = 0;
  const ssize_t count = ::recv(socket.get(), &byte, 1, 0);
  return count == 0 || (count < 0 && errno == ECONNRESET);
}

std::string fastcgi_record(int type, int request_id, std::string_view content) {
  std::string record;
  const auto append_word = [&](std::size_t word) {
    record.push_back(static_cast<char>(word >> 8U & 0xFFU));
    record.push_back(static_cast<char>(word & 0xFFU));
  };
  record.push_back(1);
  record.push_back(static_cast<char>(type));
  append_word(static_cast<std::size_t>(request_id));
  append_word(content.size());
  append_word(0);
  return record.append(content);
}

std::string fastcgi_get(std::string_view uri, bool keep_connection) {
  std::string begin(8, '\0');
  begin[1] = 1;
  begin[2] = keep_connection ? 1 : 0;
  const std::string parameters = pair("REQUEST_METHOD", "GET") + pair("REQUEST_URI", uri);
  return fastcgi_record(1, 1, begin) + fastcgi_record(4, 1, parameters) + fastcgi_record(4, 1, {}) +
         fastcgi_record(5, 1, {});
}

std::string fastcgi_output(std::string_view stream) {
  std::string output;
  while (stream.size() >= kHeaderBytes && stream.size() >= record_bytes(stream)) {
    const std::size_t padding = static_cast<unsigned char>(stream[6]);
    if (stream[1] == kStdout) {
      output += stream.substr(kHeaderBytes, record_bytes(stream) - kHeaderBytes - padding);
    }
    stream.remove_prefix(record_bytes(stream));
  }
  return output;
}

std::string receive_fastcgi_answer(const UniqueFd& socket) {
  std::string received;
  std::size_t record = 0;  // where the record at hand starts
  std::array<char, 16384> piece{};
  for (;;) {
    while (received.size() - record >= kHeaderBytes) {
      const std::string_view rest = std::string_view(received).substr(record);
      if (rest.size() < record_bytes(rest)) break;
      if (rest[1] == kEndRequest) return received;
      record += record_bytes(rest);
    }
    const ssize_t count = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (count <= 0) throw_errno("the answer broke off");
    received.append(piece.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace registry::test
