#pragma once

#include <functional>
#include <string>

#include "common/http/request.h"
#include "common/http/response.h"

namespace registry::fcgi {

// An answer, ready to be sent.
struct Reply {
  std::string head;  // a CGI head, up to and including the empty line
  std::string body;
  // What follows the body, if it is set; then the head has no Content-Length. Does not throw.
  http::BodySource more = {};
};

// Answers a request. Does not throw.
using Handler = std::function<Reply(http::Request)>;

}  // namespace registry::fcgi
