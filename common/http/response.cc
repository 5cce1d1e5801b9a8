#include "common/http/response.h"

#include <algorithm>
#include <stdexcept>

#include "common/base/json_writer.h"

namespace registry::http {
namespace {

struct Problem {
  std::string_view code;
  int status;
  std::string_view title;
};

// The whole mapping of errors to HTTP. deploy/nginx words its own problems the same way.
Problem problem_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRequest:
      return {"invalid_request", 400, "Invalid request"};
    case ErrorCode::kUnauthenticated:
      return {"unauthenticated", 401, "Unauthenticated"};
    case ErrorCode::kForbidden:
      return {"forbidden", 403, "Forbidden"};
    case ErrorCode::kNotFound:
      return {"not_found", 404, "Not found"};
    case ErrorCode::kMethodNotAllowed:
      return {"method_not_allowed", 405, "Method not allowed"};
    case ErrorCode::kConflict:
      return {"conflict", 409, "Conflict"};
    case ErrorCode::kSlugTaken:
      return {"slug_taken", 409, "Slug taken"};
    case ErrorCode::kNameTaken:
      return {"name_taken", 409, "Name taken"};
    case ErrorCode::kInvalidTransition:
      return {"invalid_transition", 409, "Invalid transition"};
    case ErrorCode::kTenantFrozen:
      return {"tenant_frozen", 409, "Tenant frozen"};
    case ErrorCode::kTenantArchived:
      return {"tenant_archived", 409, "Tenant archived"};
    case ErrorCode::kAlreadyEntitled:
      return {"already_entitled", 409, "Already entitled"};
    case ErrorCode::kTrialAlreadyUsed:
      return {"trial_already_used", 409, "Trial already used"};
    case ErrorCode::kTrialNotOffered:
      return {"trial_not_offered", 409, "Trial not offered"};
    case ErrorCode::kTooLarge:
      return {"too_large", 413, "Request too large"};
    case ErrorCode::kUnsupportedMediaType:
      return {"unsupported_media_type", 415, "Unsupported media type"};
    case ErrorCode::kRateLimited:
      return {"rate_limited", 429, "Too many requests"};
    case ErrorCode::kUnavailable:
      return {"unavailable", 503, "Service unavailable"};
    case ErrorCode::kInternal:
      return {"internal", 500, "Internal error"};
  }
  throw std::logic_error("an error code without a problem");
}

void write_fields(JsonWriter& json, const std::vector<FieldError>& fields) {
  json.key("errors").begin_array();
  for (const FieldError& field : fields) {
    json.begin_object().member("field", field.field).member("message", field.message).end_object();
  }
  json.end_array();
}

// Web servers pass the text on as it is, and some clients want one in the status line.
// Source: RFC 9110, section 15.
std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      throw std::logic_error("a status without a reason phrase: " + std::to_string(status));
  }
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
  if (std::any_of(name.begin(), name.end(), is_control) ||
      std::any_of(value.begin(), value.end(), is_control)) {
    throw std::logic_error("a control character in a response header");
  }
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool has_content(int status) {
  return status != 204 && status != 304;
}

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response problem_response(const Error& error, std::string_view request_id) {
  const Problem problem = problem_of(error.code);
  JsonWriter json;
  json.begin_object()
      .member("type", "urn:tenant-registry:problem:" + std::string(problem.code))
      .member("title", problem.title)
      .member("status", std::int64_t{problem.status})
      .member("detail", error.detail)
      .member("code", problem.code)
      .member("request_id", request_id);
  if (error.tenant_status) json.member("tenant_status", *error.tenant_status);
  if (!error.fields.empty()) write_fields(json, error.fields);
  json.end_object();
  Response response = json_response(problem.status, json.str());
  response.content_type = "application/problem+json";
  if (problem.status == 503 || problem.status == 429) {
    response.headers.push_back({.name = "Retry-After", .value = "1"});
  }
  return response;
}

std::string response_head(const Response& response, std::size_t body_bytes) {
  std::string head;
  append_header(head, "Status",
                std::to_string(response.status).append(" ").append(reason_phrase(response.status)));
  if (has_content(response.status)) {
    append_header(head, "Content-Type", response.content_type);
    append_header(head, "Content-Length", std::to_string(body_bytes));
  }
  for (const Header& header : response.headers) append_header(head, header.name, header.value);
  return head.append("\r\n");
}

}  // namespace registry::http
