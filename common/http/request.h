#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/domain/rules.h"
#include "common/http/operation.h"

namespace registry::http {

struct Parameter {
  std::string name;
  std::string value;  // percent-decoded
};

// One HTTP request as plain values that own their text. Header values are as received; those that
// were not sent are empty.
struct Request {
  std::string id;      // what logs and answers call this request: [A-Za-z0-9._-]{1,64}
  std::string method;  // GET, HEAD, …
  std::string target;  // the request target in origin form, as received: path?query
  std::string content_type;
  std::string authorization;  // credentials: never to be logged or repeated
  std::string if_none_match;
  std::string accept;
  std::string idempotency_key;
  std::string user_agent;
  std::string remote_address;  // the client, as nginx saw it
  std::string trace_parent;    // traceparent of W3C Trace Context
  std::string body;
  bool body_too_large = false;  // `body` is cut off: it was over the operation's limit
  bool body_truncated = false;  // fewer bytes arrived than CONTENT_LENGTH promised

  std::vector<Parameter> path_parameters;  // set by resolve_path()
  // Set by resolve_input():
  std::vector<Parameter> query_parameters;
  std::vector<FieldError> query_errors;  // unknown, repeated, empty or malformed ones

  // For the log; set once it is known who calls.
  std::string principal;

  // The value of a parameter of the route; it exists when resolve_path() succeeded.
  [[nodiscard]] const std::string& path_parameter(std::string_view name) const;
  // The same as an id. Errors: kNotFound, since no thing has an id of another form.
  [[nodiscard]] Result<Uuid> path_uuid(std::string_view name) const;
  [[nodiscard]] Result<Slug> path_slug(std::string_view name) const;
};

// Checks path and method against the operation and fills in the parameters of the path.
// Errors: kNotFound, kMethodNotAllowed.
[[nodiscard]] Status resolve_path(const Operation& operation, Request& request);

// The same for query and body, once it is known that the caller may call. Bodies of operations that
// take none are dropped. An operation without query parameters refuses a query here; others get the
// errors in query_errors, so that QueryReader reports all of them at once. The type of a body is
// not checked where the operation takes any. Errors: kInvalidRequest, kTooLarge,
// kUnsupportedMediaType.
[[nodiscard]] Status resolve_input(const Operation& operation, Request& request);

// The methods that the operation serves, as an Allow header lists them.
[[nodiscard]] std::string allowed_methods(const Operation& operation);

// The trace that a `traceparent` puts the request in, 32 hexadecimal digits; empty if it is
// malformed or of a version that is none. Source: W3C Trace Context, section 3.2.
[[nodiscard]] std::string_view trace_id(std::string_view trace_parent);

// True for a request id that may be repeated in logs and headers.
[[nodiscard]] bool is_request_id(std::string_view text);

}  // namespace registry::http
