#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace registry::http {

struct Header {
  std::string name;
  std::string value;
};

// Gives the pieces of a body that is made while it is sent: an empty one at its end, nothing where
// it breaks off, after which the peer must not take it for a whole one.
using BodySource = std::function<std::optional<std::string>()>;

// An answer as plain values. Where it is written, the body is dropped for HEAD and for a status
// that has no content.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers;  // besides Content-Type and Content-Length
  std::string body;
  BodySource more = {};  // follows the body, if it is set
};

// False for a status whose answer has no content: 204 and 304. Source: RFC 9110, section 6.4.1.
[[nodiscard]] bool has_content(int status);

[[nodiscard]] Response json_response(int status, std::string body);

// The application/problem+json answer for an error. Source: RFC 9457.
[[nodiscard]] Response problem_response(const Error& error, std::string_view request_id);

// The application/json answer for an error of an operation whose clients are Retraced's:
// {"status", "type": "Error", "error", "invalid"}. The last is an array with an entry for each
// event that has something wrong: its index in the request, a message, and "violations", each with
// a "field" and a "message". Source: the API of Retraced 1.x, POST …/event/bulk.
[[nodiscard]] Response retraced_error_response(const Error& error);

// The head of a CGI response, up to and including the empty line, as the FastCGI and CGI writers
// send it. Source: RFC 3875, section 6. `body_bytes` is the length of the whole body, or nothing
// where it is not known yet.
// Throws std::logic_error for a status that no operation answers with, and when a header holds a
// control character: it would end the header.
[[nodiscard]] std::string response_head(const Response& response,
                                        std::optional<std::size_t> body_bytes);

}  // namespace registry::http
