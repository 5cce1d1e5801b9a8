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

// The text of an array whose elements are texts, or what has a text.
class ArrayText {
 public:
  void add(std::string_view text);
  void add(const Uuid& id) { add(id.to_string()); }
  void add(const Timestamp& moment) { add(moment.to_string()); }
  // Absent: NULL.
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      begin_element();
      text_ += "NULL";
    }
  }

  [[nodiscard]] std::string str() const { return text_ + "}"; }

 private:
  void begin_element();

  std::string text_ = "{";
};

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
  explicit Parameter(std::span<const std::string> texts);  // an array
  explicit Parameter(const ArrayText& array) : text_(array.str()) {}
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
