#include "common/http/input.h"

#include <algorithm>
#include <charconv>

#include "common/base/utf8.h"

namespace registry::http {
namespace {

constexpr const char* kInvalidDetail = "The request has invalid members.";
constexpr std::size_t kShownNameLimit = 255;

int depth_of(const JsonValue& value) {
  int deepest = 0;
  for (const JsonValue& child : value.children()) deepest = std::max(deepest, depth_of(child));
  const bool is_level = value.type() == JsonType::kObject || value.type() == JsonType::kArray;
  return deepest + (is_level ? 1 : 0);
}

}  // namespace

void InputReader::reject(std::string_view name, std::string_view message) {
  if (errors_.size() >= kErrorLimit) return;
  errors_.push_back({.field = place_ + std::string(name), .message = std::string(message)});
}

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
  if (!member->text().empty() || empty_text_ == EmptyText::kIsText) return member->text();
  if (is_required) reject(name, "is required");
  return std::nullopt;
}

std::optional<bool> ObjectReader::find_bool(std::string_view name, bool is_required) {
  const auto member = find_typed(name, is_required, JsonType::kBool, "must be true or false");
  if (!member) return std::nullopt;
  return member->flag();
}

std::optional<bool> ObjectReader::required_bool(std::string_view name) {
  return find_bool(name, true);
}

std::optional<bool> ObjectReader::optional_bool(std::string_view name) {
  return find_bool(name, false);
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

std::optional<std::vector<std::string>> ObjectReader::find_list(std::string_view name,
                                                                bool is_required, TextParser parser,
                                                                std::size_t limit) {
  constexpr const char* kMessage = "must be an array of strings";
  const auto member = find_typed(name, is_required, JsonType::kArray, kMessage);
  if (!member) return std::nullopt;
  std::vector<std::string> texts;
  for (const JsonValue& element : member->children()) {
    auto text = element.type() == JsonType::kString ? parser(element.text())
                                                    : tl::unexpected<std::string>(kMessage);
    if (text && texts.size() == limit) {
      text =
          tl::unexpected<std::string>("must have at most " + std::to_string(limit) + " elements");
    }
    if (!text) {
      reject(name, text.error());
      return std::nullopt;
    }
    texts.push_back(std::move(*text));
  }
  return texts;
}

std::optional<std::vector<std::string>> ObjectReader::required_list(std::string_view name,
                                                                    TextParser parser,
                                                                    std::size_t limit) {
  return find_list(name, true, parser, limit);
}

std::optional<std::vector<std::string>> ObjectReader::optional_list(std::string_view name,
                                                                    TextParser parser,
                                                                    std::size_t limit) {
  return find_list(name, false, parser, limit);
}

std::optional<JsonValue> ObjectReader::optional_object(std::string_view name) {
  const auto object = find_typed(name, false, JsonType::kObject, "must be an object");
  if (!object) return std::nullopt;
  if (object->expanded_bytes() > kPassedLimitBytes) {
    reject(name, "must have at most " + std::to_string(kPassedLimitBytes) +
                     " bytes, its numbers written without exponents");
    return std::nullopt;
  }
  if (depth_of(*object) > kPassedDepthLimit) {
    reject(name, "must have at most " + std::to_string(kPassedDepthLimit) + " levels");
    return std::nullopt;
  }
  return object;
}

std::optional<JsonValue> ObjectReader::optional_text_map(std::string_view name) {
  const auto map = optional_object(name);
  if (!map) return std::nullopt;
  for (const JsonValue& member : map->children()) {
    if (member.type() == JsonType::kString) continue;
    reject(name, "must be an object with strings as its values");
    return std::nullopt;
  }
  return map;
}

void ObjectReader::add_errors(const std::vector<FieldError>& errors) {
  const std::size_t room = kErrorLimit - std::min(kErrorLimit, this->errors().size());
  const auto end = errors.begin() + static_cast<std::ptrdiff_t>(std::min(room, errors.size()));
  this->errors().insert(this->errors().end(), errors.begin(), end);
}

std::vector<FieldError> ObjectReader::all_errors() {
  if (object_) {
    for (const JsonValue& member : object_->children()) {
      if (errors().size() >= kErrorLimit) break;
      if (std::find(asked_.begin(), asked_.end(), member.name()) == asked_.end()) {
        reject(sanitized_text(member.name(), kShownNameLimit), "is not a known member");
      }
    }
  }
  return errors();
}

Status ObjectReader::finish() {
  auto wrong = all_errors();
  if (!wrong.empty()) return fail(invalid_members(std::move(wrong)));
  return {};
}

Error invalid_members(std::vector<FieldError> errors) {
  return invalid_request(kInvalidDetail, std::move(errors));
}

std::string malformed_detail(const JsonError& error) {
  return "The body is not acceptable JSON, at byte " + std::to_string(error.offset) + ": " +
         error.message;
}

BodyReader::BodyReader(const Request& request) {
  if (request.body.empty()) return;
  auto document = JsonDocument::parse(request.body);
  if (!document) {
    malformed_ = malformed_detail(document.error());
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
