#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/domain/uuid.h"

namespace registry::postgres {

// A value for $1, $2, … of a statement, in the text format; absent: NULL.
class Parameter {
 public:
  explicit Parameter(std::nullopt_t) {}
  explicit Parameter(std::string_view text);
  explicit Parameter(const std::string& text) : Parameter(std::string_view(text)) {}
  explicit Parameter(const char* text) : Parameter(std::string_view(text)) {}
  explicit Parameter(std::int64_t number) : text_(std::to_string(number)) {}
  explicit Parameter(int number) : text_(std::to_string(number)) {}
  // Constrained, because a pointer would rather become a bool than a string_view.
  explicit Parameter(std::same_as<bool> auto flag) : text_(flag ? "true" : "false") {}
  explicit Parameter(const Timestamp& moment) : text_(moment.to_string()) {}
  explicit Parameter(const Date& date) : text_(date.to_string()) {}
  explicit Parameter(const Uuid& id) : text_(id.to_string()) {}
  // An array of texts.
  explicit Parameter(std::span<const std::string> texts);
  template <class T>
  explicit Parameter(const std::optional<T>& value) {
    if (value) *this = Parameter(*value);
  }

  // Null for NULL; else it ends with a zero byte.
  [[nodiscard]] const char* text() const { return text_ ? text_->c_str() : nullptr; }

 private:
  std::optional<std::string> text_;
};

}  // namespace registry::postgres
