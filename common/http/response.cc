#include "common/http/response.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include <utility>

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
    case ErrorCode::kKeyReused:
      return {"idempotency_key_reused", 422, "Idempotency key reused"};
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

// A member as Error names it, "[3].actor.id", taken apart; of one event alone the index is 0.
struct EventMember {
  std::size_t index = 0;
  std::string_view name;
};

EventMember event_member(std::string_view field) {
  EventMember member{.name = field};
  if (!field.starts_with('[')) return member;
  const auto end = std::from_chars(field.data() + 1, field.data() + field.size(), member.index).ptr;
  field.remove_prefix(static_cast<std::size_t>(end - field.data()));
  if (field.starts_with(']')) field.remove_prefix(1);
  if (field.starts_with('.')) field.remove_prefix(1);
  member.name = field;
  return member;
}

std::string violation_text(std::string_view name, const std::string& message) {
  return name.empty() ? message : std::string(name) + " " + message;
}

// The entries of "invalid", in the order of the events.
void write_invalid(JsonWriter& json, const std::vector<FieldError>& fields) {
  std::map<std::size_t, std::vector<const FieldError*>> by_index;
  for (const FieldError& field : fields)
    by_index[event_member(field.field).index].push_back(&field);
  json.key("invalid").begin_array();
  for (const auto& [index, violations] : by_index) {
    std::string message = "Invalid event at index " + std::to_string(index) + ":";
    for (const FieldError* field : violations) {
      message += " " + violation_text(event_member(field->field).name, field->message) + ";";
    }
    message.pop_back();
    json.begin_object()
        .member("index", static_cast<std::int64_t>(index))
        .member("message", message)
        .key("violations")
        .begin_array();
    for (const FieldError* field : violations) {
      json.begin_object()
          .member("field", event_member(field->field).name)
          .member("message", field->message)
          .end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

Response error_response(int status, std::string body, std::string content_type) {
  Response response = json_response(status, std::move(body));
  response.content_type = std::move(content_type);
  if (status == 503 || status == 429) {
    response.headers.push_back({.name = "Retry-After", .value = "1"});
  }
  return response;
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
    case 422:
      return "Unprocessable Content";
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
  return error_response(problem.status, json.str(), "application/problem+json");
}

Response retraced_error_response(const Error& error) {
  const Problem problem = problem_of(error.code);
  JsonWriter json;
  json.begin_object()
      .member("status", std::int64_t{problem.status})
      .member("type", "Error")
      .member("error", error.detail);
  write_invalid(json, error.fields);
  json.end_object();
  return error_response(problem.status, json.str(), "application/json");
}

std::string response_head(const Response& response, std::optional<std::size_t> body_bytes) {
  std::string head;
  append_header(head, "Status",
                std::to_string(response.status).append(" ").append(reason_phrase(response.status)));
  if (has_content(response.status)) {
    append_header(head, "Content-Type", response.content_type);
    if (body_bytes) append_header(head, "Content-Length", std::to_string(*body_bytes));
  }
  for (const Header& header : response.headers) append_header(head, header.name, header.value);
  return head.append("\r\n");
}

}  // namespace registry::http
