#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "common/fcgi/reply.h"

namespace registry::fcgi {

// Gives a CGI variable; empty when it is not set.
using VariableLookup = std::function<std::string_view(const char* name)>;

// Builds a request from CGI variables and the number of body bytes that arrived. The body itself is
// left to the caller. Source: RFC 3875, section 4.1.
[[nodiscard]] http::Request read_request(const VariableLookup& variable, std::size_t body_bytes);

// Serves the one request of the environment as a plain CGI program: body from standard input,
// answer to standard output. Returns false when the answer could not be written.
[[nodiscard]] bool serve_cgi(const Handler& handler, std::size_t body_limit_bytes);

}  // namespace registry::fcgi
