#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/result.h"
#include "common/domain/rules.h"
#include "common/http/json.h"
#include "common/http/request.h"

namespace registry::http {

// Reads named values, checks each with a parser of the domain, and collects what is wrong with
// any of them, so that a caller learns all of it at once:
//
//   BodyReader body(request);
//   const auto slug = body.required("slug", Slug::parse);
//   if (auto valid = body.finish(); !valid) return fail(valid.error());
//   use(*slug);
//
// Once finish() succeeded, everything that was required is present.
class InputReader {
 public:
  InputReader() = default;
  InputReader(const InputReader&) = delete;
  InputReader& operator=(const InputReader&) = delete;
  virtual ~InputReader() = default;

  template <class Parser>
  using ParsedBy = typename std::invoke_result_t<Parser, std::string_view>::value_type;

  template <class Parser>
  [[nodiscard]] std::optional<ParsedBy<Parser>> required(std::string_view name, Parser parser) {
    return read<ParsedBy<Parser>>(name, parser, /*is_required=*/true);
  }

  template <class Parser>
  [[nodiscard]] std::optional<ParsedBy<Parser>> optional(std::string_view name, Parser parser) {
    return read<ParsedBy<Parser>>(name, parser, /*is_required=*/false);
  }

 protected:
  // The text of a value; nothing when it is absent or was rejected.
  [[nodiscard]] virtual std::optional<std::string_view> find(std::string_view name,
                                                             bool is_required) = 0;

  void reject(std::string_view field, std::string_view message) {
    errors_.push_back({.field = std::string(field), .message = std::string(message)});
  }

  [[nodiscard]] const std::vector<FieldError>& errors() const { return errors_; }

 private:
  template <class T, class Parser>
  std::optional<T> read(std::string_view name, Parser parser, bool is_required) {
    const auto text = find(name, is_required);
    if (!text) return std::nullopt;
    auto value = parser(*text);
    if (!value) {
      reject(name, value.error());
      return std::nullopt;
    }
    return std::move(*value);
  }

  std::vector<FieldError> errors_;
};

// Reads the members of a JSON object. A member that is null counts as absent.
class ObjectReader : public InputReader {
 public:
  // The document of `object` must outlive the reader.
  explicit ObjectReader(const JsonValue& object) : object_(object) {}

  [[nodiscard]] std::optional<bool> required_bool(std::string_view name);
  // A whole number from low to high.
  [[nodiscard]] std::optional<int> required_integer(std::string_view name, int low, int high);
  // An array of texts, each accepted by the parser.
  [[nodiscard]] std::optional<std::vector<std::string>> required_list(
      std::string_view name, Parsed<std::string> (*parser)(std::string_view));

  // Errors: kInvalidRequest, naming every member that is wrong, missing, or was never asked for.
  [[nodiscard]] virtual Status finish();

 protected:
  ObjectReader() = default;  // every member is absent
  void set_object(const JsonValue& object) { object_ = object; }

 private:
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name,
                                                     bool is_required) override;
  [[nodiscard]] std::optional<JsonValue> find_value(std::string_view name, bool is_required);
  [[nodiscard]] std::optional<JsonValue> find_typed(std::string_view name, bool is_required,
                                                    JsonType type, std::string_view message);

  std::optional<JsonValue> object_;
  std::vector<std::string> asked_;
};

// Reads the JSON object in a request's body. A missing body, which resolve() lets through only
// where one is optional, has no members.
class BodyReader final : public ObjectReader {
 public:
  // `request` must outlive the reader.
  explicit BodyReader(const Request& request);

  // As ObjectReader::finish(), and for a body that is no JSON object.
  [[nodiscard]] Status finish() override;

 private:
  std::optional<JsonDocument> document_;
  std::optional<std::string> malformed_;
};

// Reads the query parameters of a request.
class QueryReader final : public InputReader {
 public:
  // `request` must outlive the reader.
  explicit QueryReader(const Request& request) : request_(request) {}

  // Errors: kInvalidRequest, naming every parameter that is wrong, missing, unknown or repeated.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name,
                                                     bool is_required) override;

  const Request& request_;
};

}  // namespace registry::http
