#include "common/http/request.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "common/base/ascii.h"
#include "common/base/hex.h"
#include "common/base/utf8.h"

namespace registry::http {
namespace {

constexpr std::size_t kRequestIdLimit = 64;
// Far above what any operation has; keeps the search for repeated ones cheap.
constexpr std::size_t kQueryParameterLimit = 64;

// Decodes percent-encoding to UTF-8 text without U+0000; nothing when it is malformed.
// Source: RFC 3986, section 2.1. `plus_is_space`: as HTML forms write queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[at] != '%') {
      decoded.push_back(text[at]);
    } else {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[at + 1]);
      const int low = hex_value(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    }
  }
  if (!is_valid_utf8(decoded) || decoded.find('\0') != std::string::npos) return std::nullopt;
  return decoded;
}

bool is_template_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::size_t segment_count(std::string_view path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

// Matches the segments of a path against those of the route. A segment never matches across a
// slash, encoded or not, and an empty one matches nothing.
std::optional<std::vector<Parameter>> match_path(std::string_view route, std::string_view path) {
  if (!path.starts_with('/') || segment_count(route) != segment_count(path)) return std::nullopt;
  std::vector<Parameter> parameters;
  route.remove_prefix(1);
  path.remove_prefix(1);
  for (;;) {
    const std::string_view expected = take_until(route, '/');
    const auto actual = percent_decode(take_until(path, '/'), /*plus_is_space=*/false);
    if (!actual || actual->empty()) return std::nullopt;
    if (is_template_parameter(expected)) {
      parameters.push_back(
          {.name = std::string(expected.substr(1, expected.size() - 2)), .value = *actual});
    } else if (expected != *actual) {
      return std::nullopt;
    }
    if (route.empty()) return parameters;
  }
}

void add_query_parameter(const Operation& operation, Request& request, std::string_view pair) {
  const std::string_view raw_name = take_until(pair, '=');
  auto name = percent_decode(raw_name, /*plus_is_space=*/true);
  auto value = percent_decode(pair, /*plus_is_space=*/true);
  const auto reject = [&](std::string field, const char* message) {
    FieldError error{.field = std::move(field), .message = message};
    auto& errors = request.query_errors;
    if (std::find(errors.begin(), errors.end(), error) == errors.end()) {
      errors.push_back(std::move(error));
    }
  };
  if (!name || !value) {
    reject(sanitized_text(raw_name, 255), "is not percent-encoded UTF-8 text");
    return;
  }
  const auto& known = operation.query_parameters;
  if (std::find(known.begin(), known.end(), *name) == known.end()) {
    reject(sanitized_text(*name, 255), "is not a parameter of this operation");
    return;
  }
  const bool repeated =
      std::any_of(request.query_parameters.begin(), request.query_parameters.end(),
                  [&](const Parameter& other) { return other.name == *name; });
  if (repeated) {
    reject(*name, "is given more than once");
    return;
  }
  if (value->empty()) reject(*name, "must not be empty");
  request.query_parameters.push_back({.name = std::move(*name), .value = std::move(*value)});
}

Status resolve_query(const Operation& operation, Request& request, std::string_view query) {
  if (std::count(query.begin(), query.end(), '&') >= std::ptrdiff_t{kQueryParameterLimit}) {
    return fail(invalid_request("The query has too many parameters."));
  }
  while (!query.empty()) {
    add_query_parameter(operation, request, take_until(query, '&'));
  }
  if (operation.query_parameters.empty() && !request.query_errors.empty()) {
    return fail(invalid_request("The query has invalid parameters.", request.query_errors));
  }
  return {};
}

// True for application/json, with no charset but UTF-8 (RFC 8259, section 8.1, knows no other).
bool is_json(std::string_view content_type) {
  const std::string text = lower_ascii(content_type);
  std::string_view rest = text;
  if (trimmed(take_until(rest, ';')) != "application/json") return false;
  while (!rest.empty()) {
    std::string_view value = take_until(rest, ';');
    const std::string_view name = trimmed(take_until(value, '='));
    value = trimmed(value);
    if (name == "charset" && value != "utf-8" && value != "\"utf-8\"") return false;
  }
  return true;
}

Status resolve_body(const Operation& operation, Request& request) {
  if (operation.body == BodyUse::kNone) {
    request.body.clear();
    return {};
  }
  if (request.body_too_large || request.body.size() > operation.body_limit_bytes) {
    return fail(failure(
        ErrorCode::kTooLarge,
        "The body may have at most " + std::to_string(operation.body_limit_bytes) + " bytes."));
  }
  if (request.body_truncated) {
    return fail(invalid_request("The body is shorter than Content-Length says."));
  }
  if (request.body.empty()) {
    if (operation.body == BodyUse::kOptional) return {};
    return fail(invalid_request("A JSON body is required."));
  }
  if (operation.any_content_type) return {};
  // Without a Content-Type the receiver may look at the content itself (RFC 9110, section 8.3).
  if (!request.content_type.empty() && !is_json(request.content_type)) {
    return fail(failure(ErrorCode::kUnsupportedMediaType, "The body must be application/json."));
  }
  return {};
}

}  // namespace

const std::string& Request::path_parameter(std::string_view name) const {
  for (const Parameter& parameter : path_parameters) {
    if (parameter.name == name) return parameter.value;
  }
  throw std::logic_error("the route has no parameter " + std::string(name));
}

Result<Uuid> Request::path_uuid(std::string_view name) const {
  const auto uuid = Uuid::parse(path_parameter(name));
  if (!uuid) return fail(not_found("There is nothing with this id."));
  return *uuid;
}

Result<Slug> Request::path_slug(std::string_view name) const {
  auto slug = Slug::parse(path_parameter(name));
  if (!slug) return fail(not_found("There is nothing with this slug."));
  return std::move(*slug);
}

Status resolve_path(const Operation& operation, Request& request) {
  std::string_view rest = request.target;
  std::string_view path = take_until(rest, '?');
  const std::string_view prefix = operation.route_prefix;
  if (!prefix.empty() && path.starts_with(prefix)) path.remove_prefix(prefix.size());
  auto parameters = match_path(operation.route, path);
  if (!parameters) return fail(not_found("There is nothing at this path."));
  request.path_parameters = std::move(*parameters);
  const bool allowed =
      request.method == operation.method || (request.method == "HEAD" && operation.method == "GET");
  if (!allowed) {
    return fail(failure(ErrorCode::kMethodNotAllowed,
                        "This path answers " + allowed_methods(operation) + "."));
  }
  return {};
}

Status resolve_input(const Operation& operation, Request& request) {
  std::string_view query = request.target;
  take_until(query, '?');
  if (auto status = resolve_query(operation, request, query); !status) return status;
  return resolve_body(operation, request);
}

std::string allowed_methods(const Operation& operation) {
  return operation.method == "GET" ? "GET, HEAD" : std::string(operation.method);
}

std::string_view trace_id(std::string_view trace_parent) {
  constexpr std::size_t kLength = 55;  // 00-<32 digits>-<16 digits>-<2 digits>
  const auto is_hex = [](std::string_view digits) {
    return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  if (trace_parent.size() < kLength) return {};
  const std::string_view version = trace_parent.substr(0, 2);
  const std::string_view trace = trace_parent.substr(3, 32);
  const std::string_view parent = trace_parent.substr(36, 16);
  const std::string_view flags = trace_parent.substr(53, 2);
  const bool has_dashes =
      trace_parent[2] == '-' && trace_parent[35] == '-' && trace_parent[52] == '-';
  // Later versions may have more behind a further dash.
  const bool ends_there =
      trace_parent.size() == kLength || (version != "00" && trace_parent[kLength] == '-');
  const bool is_valid = has_dashes && ends_there && is_hex(version) && version != "ff" &&
                        is_hex(trace) && is_hex(parent) && is_hex(flags) &&
                        trace.find_first_not_of('0') != std::string_view::npos &&
                        parent.find_first_not_of('0') != std::string_view::npos;
  return is_valid ? trace : std::string_view();
}

bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > kRequestIdLimit) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace registry::http
