#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace registry::http {

enum class JsonType : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

class JsonDocument;

// A value inside a JsonDocument, which must outlive it.
class JsonValue {
 public:
  [[nodiscard]] JsonType type() const;
  [[nodiscard]] std::string_view name() const;  // of a member of an object; empty elsewhere
  [[nodiscard]] std::string_view text() const;  // of a string; of a number, its digits as received
  [[nodiscard]] bool flag() const;              // of a bool
  // An object or array exactly as received: what passes through is not rebuilt.
  [[nodiscard]] std::string_view raw() const;
  // A byte of the text that the value stands at, for messages: the first one of an object or array.
  [[nodiscard]] std::size_t offset() const;
  // How long raw() is with its numbers written without exponents, which is how JSONB keeps them.
  [[nodiscard]] std::size_t expanded_bytes() const;
  // The elements of an array, the members of an object, in the order received.
  [[nodiscard]] std::vector<JsonValue> children() const;
  // The member of an object with this name.
  [[nodiscard]] std::optional<JsonValue> member(std::string_view name) const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument& document, std::uint32_t index)
      : document_(&document), index_(index) {}

  const JsonDocument* document_;
  std::uint32_t index_;
};

// Why a text is no acceptable JSON, and at which byte that showed.
struct JsonError {
  std::string message;
  std::size_t offset = 0;
};

// One parsed document, strict and bounded: UTF-8 without U+0000 in any text, no member twice in
// an object, at most kDepthLimit levels and kValueLimit values, numbers in the range of a
// double and of at most 1,024 characters. Source: RFC 8259; I-JSON
// (RFC 7493) for the strictness.
class JsonDocument {
 public:
  // More than any reasonable body has; a value takes about 50 bytes of memory while it is read.
  static constexpr std::size_t kValueLimit = 1'000'000;

  // Stored metadata may have 32 levels; an event of it may stand in an object in an array.
  static constexpr int kDepthLimit = 34;

  // `text` must outlive the document; its size must be below 4 GiB.
  [[nodiscard]] static tl::expected<JsonDocument, JsonError> parse(std::string_view text);
  // Not of a text that is gone when the call returns.
  template <std::same_as<std::string> Temporary>
  static void parse(Temporary&& text) = delete;

  [[nodiscard]] JsonValue root() const { return {*this, 0}; }

 private:
  friend class JsonValue;
  friend class JsonBuilder;

  struct Span {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Node {
    JsonType type = JsonType::kNull;
    bool flag = false;
    Span name;               // in strings_
    Span text;               // in strings_
    Span raw;                // in text_; of a scalar only where it was seen
    std::uint32_t next = 0;  // index behind the node and all that it holds
  };

  [[nodiscard]] std::string_view string(Span span) const {
    return std::string_view(strings_).substr(span.begin, span.size);
  }

  std::string_view text_;
  std::string strings_;  // every decoded name and text, one after the other
  std::vector<Node> nodes_;
};

// The text of a member of an object; nothing where there is none, or it is no string.
[[nodiscard]] std::optional<std::string_view> text_member(const JsonValue& object,
                                                          std::string_view name);

}  // namespace registry::http
