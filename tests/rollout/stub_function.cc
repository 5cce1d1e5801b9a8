// A function that is no function: what it does stands in the lines "#stub ROLE DEED" at the end of
// its own file, so that each copy with other lines is another release. ROLE is "candidate", for one
// that is being tried out, or "running". It answers every request as if it were the check.
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int kStdin = 5;
constexpr int kStdout = 6;
constexpr int kEndRequest = 3;

std::string deed_of(const std::string& role) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(self), {}};
  const std::string mark = "\n#stub " + role + " ";
  const auto found = content.rfind(mark);
  if (found == std::string::npos) return "";
  const auto begin = found + mark.size();
  return content.substr(begin, content.find('\n', begin) - begin);
}

std::string record(int type, std::string_view content) {
  const auto size = content.size();
  std::string bytes = {1, static_cast<char>(type), 0, 1};
  bytes += {static_cast<char>(size >> 8U & 0xFFU), static_cast<char>(size & 0xFFU), 0, 0};
  return bytes.append(content);
}

// The request of the check ends with an empty STDIN record.
bool receive_request(int connection) {
  std::string request;
  std::array<char, 4096> piece{};
  while (!request.ends_with(record(kStdin, {}))) {
    const ssize_t count = ::read(connection, piece.data(), piece.size());
    if (count <= 0) return false;
    request.append(piece.data(), static_cast<std::size_t>(count));
  }
  return true;
}

std::string ready(const std::string& function) {
  return "Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{\"function\":\"" + function +
         R"(","version":"stub","schema_version":1,"pid":)" + std::to_string(::getpid()) +
         R"(,"status":"ready"})";
}

std::string unready(const std::string& detail) {
  return "Status: 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\r\n"
         R"({"title":"Service unavailable","status":503,"detail":")" +
         detail + R"(","code":"unavailable"})";
}

// Answers every connection with the same; with nothing if it is empty.
[[noreturn]] void serve(const std::string& answer) {
  for (;;) {
    pollfd listener{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    ::poll(&listener, 1, -1);
    const int connection = ::accept(STDIN_FILENO, nullptr, nullptr);
    if (connection < 0) continue;
    if (receive_request(connection) && !answer.empty()) {
      const std::string bytes =
          record(kStdout, answer) + record(kStdout, {}) + record(kEndRequest, std::string(8, '\0'));
      ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    if (!answer.empty()) ::close(connection);
  }
}

}  // namespace

int main(int /*argc*/, char** argv) {
  const bool is_candidate = std::string_view(argv[0]).find("/candidate/") != std::string_view::npos;
  std::istringstream words(deed_of(is_candidate ? "candidate" : "running"));
  std::string deed;
  std::string more;
  words >> deed;
  std::getline(words >> std::ws, more);
  if (deed == "exit") {
    std::cerr << "stub: leaves with " << more << '\n';
    return std::stoi(more);
  }
  if (deed == "ready") serve(ready(more));
  if (deed == "unready") serve(unready(more));
  if (deed == "garbage") serve("Status: 200 OK\r\n\r\nnothing that can be read");
  if (deed == "mute") serve("");
  // "deaf": it never accepts.
  for (;;) ::pause();
}
