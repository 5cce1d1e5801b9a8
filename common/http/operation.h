#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace registry::http {

// What an operation does with a request body.
enum class BodyUse { kNone, kOptional, kRequired };

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
  std::span<const std::string_view> query_parameters;  // every other one is refused
  BodyUse body = BodyUse::kNone;
  std::size_t body_limit_bytes = 0;
  bool any_content_type = false;  // the body is read as JSON whatever its Content-Type says
  Rights rights = {};
};

// The operation that this executable serves: generated from openapi.yaml, one per executable.
extern const Operation kOperation;

}  // namespace registry::http
