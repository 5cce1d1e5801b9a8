#include "common/http/input.h"

#include <algorithm>
#include <charconv>

#include "common/base/utf8.h"

namespace registry::http {
namespace {

constexpr const char* kInvalidDetail = "The request has invalid members.";
constexpr std::size_t kShownNameLimit = 255;

// An answer names at most this many unknown members; a hostile body has thousands.
constexpr std::size_t kFieldErrorLimit = 100;

}  // namespace

std::optional<JsonValue> ObjectReader::find_value(std::string_view name, bool is_required) {
  asked_.emplace_back(name);
  auto member = object_ ? object_->member(name) : std::nullopt;
  if (member && member->type() != JsonType::kNull) return member;
  if (is_required) reject(name, "is required");
  return std::nullopt;
}

std::optional<JsonValue> ObjectReader::find_typed(std::string_view name, bool is_required,
                                                  JsonType type, std::string_view message) {
  auto member = find_value(name, is_required);
  if (!member || member->type() == type) return member;
  reject(name, message);
  return std::nullopt;
}

std::optional<std::string_view> ObjectReader::find(std::string_view name, bool is_required) {
  const auto member = find_typed(name, is_required, JsonType::kString, "must be a string");
  if (!member) return std::nullopt;
  return member->text();
}

std::optional<bool> ObjectReader::required_bool(std::string_view name) {
  const auto member = find_typed(name, true, JsonType::kBool, "must be true or false");
  if (!member) return std::nullopt;
  return member->flag();
}

std::optional<int> ObjectReader::required_integer(std::string_view name, int low, int high) {
  const std::string message =
      "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  const auto member = find_typed(name, true, JsonType::kNumber, message);
  if (!member) return std::nullopt;
  const std::string_view digits = member->text();
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_whole = error == std::errc() && end == digits.data() + digits.size();
  if (is_whole && number >= low && number <= high) return number;
  reject(name, message);
  return std::nullopt;
}

std::optional<std::vector<std::string>> ObjectReader::required_list(
    std::string_view name, Parsed<std::string> (*parser)(std::string_view)) {
  constexpr const char* kMessage = "must be an array of strings";
  const auto member = find_typed(name, true, JsonType::kArray, kMessage);
  if (!member) return std::nullopt;
  std::vector<std::string> texts;
  for (const JsonValue& element : member->children()) {
    auto text = element.type() == JsonType::kString ? parser(element.text())
                                                    : tl::unexpected<std::string>(kMessage);
    if (!text) {
      reject(name, text.error());
      return std::nullopt;
    }
    texts.push_back(std::move(*text));
  }
  return texts;
}

Status ObjectReader::finish() {
  if (object_) {
    for (const JsonValue& member : object_->children()) {
      if (errors().size() >= kFieldErrorLimit) break;
      if (std::find(asked_.begin(), asked_.end(), member.name()) == asked_.end()) {
        reject(sanitized_text(member.name(), kShownNameLimit), "is not a known member");
      }
    }
  }
  if (!errors().empty()) return fail(invalid_request(kInvalidDetail, errors()));
  return {};
}

BodyReader::BodyReader(const Request& request) {
  if (request.body.empty()) return;
  auto document = JsonDocument::parse(request.body);
  if (!document) {
    malformed_ = "The body is not acceptable JSON, at byte " +
                 std::to_string(document.error().offset) + ": " + document.error().message;
  } else if (document->root().type() != JsonType::kObject) {
    malformed_ = "The body must be a JSON object.";
  } else {
    document_ = std::move(*document);
    set_object(document_->root());
  }
}

Status BodyReader::finish() {
  if (malformed_) return fail(invalid_request(*malformed_));
  return ObjectReader::finish();
}

std::optional<std::string_view> QueryReader::find(std::string_view name, bool is_required) {
  const auto is_rejected = [&](const FieldError& error) { return error.field == name; };
  if (std::any_of(request_.query_errors.begin(), request_.query_errors.end(), is_rejected)) {
    return std::nullopt;
  }
  for (const Parameter& parameter : request_.query_parameters) {
    if (parameter.name == name) return parameter.value;
  }
  if (is_required) reject(name, "is required");
  return std::nullopt;
}

Status QueryReader::finish() {
  std::vector<FieldError> all = request_.query_errors;
  all.insert(all.end(), errors().begin(), errors().end());
  if (!all.empty()) return fail(invalid_request("The query has invalid parameters.", all));
  return {};
}

}  // namespace registry::http
