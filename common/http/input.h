#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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
  // An answer names at most this many mistakes; a hostile body has thousands.
  static constexpr std::size_t kErrorLimit = 100;

  InputReader() = default;
  explicit InputReader(std::string place) : place_(std::move(place)) {}
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

  // Notes what is wrong with a value. Of many mistakes the first kErrorLimit are kept.
  void reject(std::string_view name, std::string_view message);

 protected:
  // The text of a value; nothing when it is absent or was rejected.
  [[nodiscard]] virtual std::optional<std::string_view> find(std::string_view name,
                                                             bool is_required) = 0;

  [[nodiscard]] const std::vector<FieldError>& errors() const { return errors_; }
  [[nodiscard]] std::vector<FieldError>& errors() { return errors_; }

  std::string place_;  // in front of the names, as errors show them

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

// What an empty text means to an ObjectReader.
enum class EmptyText { kIsText, kIsAbsent };

// Reads the members of a JSON object. A member that is null counts as absent.
class ObjectReader : public InputReader {
 public:
  // The document of `object` must outlive the reader. In errors `place` stands in front of the
  // members' names: "actor." for those of an inner object.
  explicit ObjectReader(const JsonValue& object, std::string place = {},
                        EmptyText empty_text = EmptyText::kIsText)
      : InputReader(std::move(place)), object_(object), empty_text_(empty_text) {}

  [[nodiscard]] std::optional<bool> required_bool(std::string_view name);
  [[nodiscard]] std::optional<bool> optional_bool(std::string_view name);
  // A whole number from low to high.
  [[nodiscard]] std::optional<int> required_integer(std::string_view name, int low, int high);
  // An array of at most `limit` texts, each accepted by the parser.
  using TextParser = Parsed<std::string> (*)(std::string_view);
  [[nodiscard]] std::optional<std::vector<std::string>> required_list(std::string_view name,
                                                                      TextParser parser,
                                                                      std::size_t limit);
  [[nodiscard]] std::optional<std::vector<std::string>> optional_list(std::string_view name,
                                                                      TextParser parser,
                                                                      std::size_t limit);
  // An object that passes through as it is: of at most kPassedLimitBytes, its numbers written
  // without exponents, and kPassedDepthLimit levels.
  static constexpr std::size_t kPassedLimitBytes = 65'536;
  static constexpr int kPassedDepthLimit = 32;
  [[nodiscard]] std::optional<JsonValue> optional_object(std::string_view name);
  // The same, with texts as its only values.
  [[nodiscard]] std::optional<JsonValue> optional_text_map(std::string_view name);

  // Reads an inner object: `read(ObjectReader&)` asks for its members; an absent one has none.
  template <class Read>
  void inner(std::string_view name, const Read& read) {
    const auto object = find_typed(name, false, JsonType::kObject, "must be an object");
    if (!object) return;
    ObjectReader reader(*object, place_ + std::string(name) + ".", empty_text_);
    read(reader);
    add_errors(reader.all_errors());
  }

  // Errors: kInvalidRequest, naming every member that is wrong, missing, or was never asked for.
  [[nodiscard]] virtual Status finish();
  // The same as a list, for whoever reads several objects. To be called once.
  [[nodiscard]] std::vector<FieldError> all_errors();

 protected:
  ObjectReader() = default;  // every member is absent
  void set_object(const JsonValue& object) { object_ = object; }
  void add_errors(const std::vector<FieldError>& errors);

 private:
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name,
                                                     bool is_required) override;
  [[nodiscard]] std::optional<JsonValue> find_value(std::string_view name, bool is_required);
  [[nodiscard]] std::optional<JsonValue> find_typed(std::string_view name, bool is_required,
                                                    JsonType type, std::string_view message);
  [[nodiscard]] std::optional<bool> find_bool(std::string_view name, bool is_required);
  [[nodiscard]] std::optional<std::vector<std::string>> find_list(std::string_view name,
                                                                  bool is_required,
                                                                  TextParser parser,
                                                                  std::size_t limit);

  std::optional<JsonValue> object_;
  EmptyText empty_text_ = EmptyText::kIsText;
  std::vector<std::string> asked_;
};

// The error for a body with these mistakes.
[[nodiscard]] Error invalid_members(std::vector<FieldError> errors);

// Reads the JSON object in a request's body. A missing body, which resolve_input() lets through
// only where one is optional, has no members.
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

// What is wrong with a body's JSON, as the detail of an error says it.
[[nodiscard]] std::string malformed_detail(const JsonError& error);

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
