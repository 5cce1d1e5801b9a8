#include "common/fcgi/cgi_request.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>

#include <unistd.h>

namespace registry::fcgi {
namespace {

// CONTENT_LENGTH as a number; nothing when it is absent or no number.
std::optional<std::size_t> content_length(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

std::string_view environment(const char* name) {
  // Nothing in these processes calls setenv.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// Reads up to `limit` bytes of standard input.
std::string read_standard_input(std::size_t limit) {
  std::string bytes;
  std::array<char, 4096> piece{};
  while (bytes.size() < limit) {
    const ssize_t count =
        ::read(STDIN_FILENO, piece.data(), std::min(piece.size(), limit - bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(count));
  }
  return bytes;
}

bool write_standard_output(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

http::Request read_request(const VariableLookup& variable, std::size_t body_bytes) {
  http::Request request;
  request.id = variable("REQUEST_ID");
  request.method = variable("REQUEST_METHOD");
  request.target = variable("REQUEST_URI");
  request.content_type = variable("CONTENT_TYPE");
  request.authorization = variable("HTTP_AUTHORIZATION");
  request.if_none_match = variable("HTTP_IF_NONE_MATCH");
  request.accept = variable("HTTP_ACCEPT");
  request.idempotency_key = variable("HTTP_IDEMPOTENCY_KEY");
  request.user_agent = variable("HTTP_USER_AGENT");
  request.remote_address = variable("REMOTE_ADDR");
  request.trace_parent = variable("HTTP_TRACEPARENT");
  request.body_truncated = content_length(variable("CONTENT_LENGTH")).value_or(0) > body_bytes;
  return request;
}

bool serve_cgi(const Handler& handler, std::size_t body_limit_bytes) {
  const std::size_t length = content_length(environment("CONTENT_LENGTH")).value_or(0);
  std::string body = read_standard_input(std::min(length, body_limit_bytes));
  const bool is_too_large = length > body_limit_bytes;
  http::Request request = read_request(environment, is_too_large ? length : body.size());
  request.body = std::move(body);
  request.body_too_large = is_too_large;
  const Reply reply = handler(std::move(request));
  if (!write_standard_output(reply.head) || !write_standard_output(reply.body)) return false;
  while (reply.more) {
    const auto piece = reply.more();
    if (!piece || !write_standard_output(*piece)) return false;
    if (piece->empty()) break;
  }
  return true;
}

}  // namespace registry::fcgi
