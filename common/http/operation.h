#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace registry::http {

// What an operation does with a request body.
enum class BodyUse { kNone, kOptional, kRequired };

// How an operation words its errors. Those that the HTTP server finds are problems everywhere.
enum class ErrorForm {
  kProblem,   // application/problem+json, RFC 9457
  kRetraced,  // as the clients of Retraced have it, see retraced_error_response()
};

// Who may call an operation: its `security` in openapi.yaml, which is the only place that says so.
// Without an entry for somebody, they may not.
struct Rights {
  bool everybody = false;      // no credential is looked at, and nobody's data is touched
  bool administrator = false;  // of the platform, for every tenant
  bool service = false;        // a product of the platform, for every tenant
  bool manager = false;        // of a tenant, for that one
  bool member = false;         // the same
  bool service_is_bound_to_product = false;  // a service's call is about its own product alone
  std::string_view api_key_scope = {};       // an API key needs this one; empty: no key counts
};

// One operation of openapi.yaml, as its function sees it.
struct Operation {
  std::string_view id;      // operationId: also the name of source file, binary, socket, unit
  std::string_view method;  // GET also serves HEAD
  std::string_view route;   // the path template, such as "/v1/tenants/{id}"
  // What paths may have in front of the route, such as "/auditlog"; empty: nothing.
  std::string_view route_prefix = {};
  std::span<const std::string_view> query_parameters;  // every other one is refused
  BodyUse body = BodyUse::kNone;
  std::size_t body_limit_bytes = 0;
  bool any_content_type = false;  // the body is read as JSON whatever its Content-Type says
  ErrorForm error_form = ErrorForm::kProblem;
  Rights rights = {};
};

// The operation that this executable serves: generated from openapi.yaml, one per executable.
extern const Operation kOperation;

}  // namespace registry::http
