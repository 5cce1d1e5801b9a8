#include "common/http/json.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "common/base/utf8.h"

namespace registry::http {

namespace {

// Lets the reader's own memory go through operator delete, like everything else that holds a text.
// The names are RapidJSON's.
struct ReaderAllocator {
  // NOLINTBEGIN(readability-identifier-naming)
  static constexpr bool kNeedFree = true;

  static void* Malloc(std::size_t size) { return size == 0 ? nullptr : ::operator new(size); }
  static void* Realloc(void* memory, std::size_t old_size, std::size_t new_size) {
    void* moved = Malloc(new_size);
    if (memory != nullptr && moved != nullptr) {
      std::memcpy(moved, memory, std::min(old_size, new_size));
    }
    Free(memory);
    return moved;
  }
  static void Free(void* memory) { ::operator delete(memory); }
  // NOLINTEND(readability-identifier-naming)
};
using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ReaderAllocator>;

constexpr std::size_t kNumberLimit = 1'024;
constexpr int kExponentLimit = 1'000;

// The exponent of a number, 0 where it has none; nothing where it is too large.
std::optional<int> exponent_of(std::string_view digits) {
  const std::size_t at = digits.find_first_of("eE");
  if (at == std::string_view::npos) return 0;
  std::string_view exponent = digits.substr(at + 1);
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  int value = 0;
  const auto [end, error] =
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
  if (error != std::errc() || value < -kExponentLimit || value > kExponentLimit) {
    return std::nullopt;
  }
  return value;
}

// Whether every store keeps the number: Postgres has a limit of decimals, and a double ends long
// before these.
bool is_storable(std::string_view digits) {
  return digits.size() <= kNumberLimit && exponent_of(digits).has_value();
}

}  // namespace

// Receives RapidJSON's events. A method that returns false ends the parse; `problem()` says why.
// The names of the methods and their parameters are RapidJSON's.
class JsonBuilder {
 public:
  JsonBuilder(JsonDocument& document, const rapidjson::MemoryStream& stream)
      : document_(document), stream_(stream) {}

  // NOLINTBEGIN(readability-identifier-naming)
  bool Null() { return add(JsonType::kNull); }
  bool Bool(bool flag) {
    if (!add(JsonType::kBool)) return false;
    document_.nodes_.back().flag = flag;
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    return add_text(JsonType::kString, {text, size});
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    const std::string_view digits(text, size);
    if (!is_storable(digits))
      return refuse("A number has too many digits, or too large an exponent.");
    return add_text(JsonType::kNumber, digits);
  }
  bool StartObject() { return open(JsonType::kObject); }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    const std::string_view name(text, size);
    if (!is_text(name)) return false;
    pending_name_ = store(name);
    return true;
  }
  bool EndObject(rapidjson::SizeType /*members*/) {
    close();
    return has_unique_names(document_.nodes_, closed_);
  }
  bool StartArray() { return open(JsonType::kArray); }
  bool EndArray(rapidjson::SizeType /*elements*/) {
    close();
    return true;
  }
  // Numbers arrive as RawNumber; the reader's template names these all the same.
  bool Int(int /*number*/) { return false; }
  bool Uint(unsigned /*number*/) { return false; }
  bool Int64(std::int64_t /*number*/) { return false; }
  bool Uint64(std::uint64_t /*number*/) { return false; }
  bool Double(double /*number*/) { return false; }
  // NOLINTEND(readability-identifier-naming)

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  using Node = JsonDocument::Node;

  bool add(JsonType type) {
    if (document_.nodes_.size() >= JsonDocument::kValueLimit) {
      return refuse("The document has more than " + std::to_string(JsonDocument::kValueLimit) +
                    " values.");
    }
    Node node;
    node.type = type;
    node.name = pending_name_;
    // The iterative reader reports a bracket before it takes it from the stream.
    node.raw.begin = static_cast<std::uint32_t>(stream_.Tell());
    node.next = static_cast<std::uint32_t>(document_.nodes_.size() + 1);
    document_.nodes_.push_back(node);
    pending_name_ = {};
    return true;
  }

  bool add_text(JsonType type, std::string_view text) {
    if (!is_text(text) || !add(type)) return false;
    document_.nodes_.back().text = store(text);
    return true;
  }

  bool open(JsonType type) {
    if (static_cast<int>(open_.size()) >= JsonDocument::kDepthLimit) {
      return refuse("The document has more than " + std::to_string(JsonDocument::kDepthLimit) +
                    " levels.");
    }
    if (!add(type)) return false;
    open_.push_back(document_.nodes_.size() - 1);
    return true;
  }

  void close() {
    closed_ = open_.back();
    open_.pop_back();
    Node& node = document_.nodes_[closed_];
    node.raw.size = static_cast<std::uint32_t>(stream_.Tell() + 1) - node.raw.begin;
    node.next = static_cast<std::uint32_t>(document_.nodes_.size());
  }

  JsonDocument::Span store(std::string_view text) {
    const JsonDocument::Span span{.begin = static_cast<std::uint32_t>(document_.strings_.size()),
                                  .size = static_cast<std::uint32_t>(text.size())};
    document_.strings_.append(text);
    return span;
  }

  // RapidJSON checks raw bytes, but decodes an escaped lone low surrogate and U+0000.
  bool is_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return refuse("A text holds U+0000.");
    if (!is_valid_utf8(text)) return refuse("A text is not valid Unicode.");
    return true;
  }

  bool has_unique_names(const std::vector<Node>& nodes, std::size_t object) {
    names_.clear();
    for (std::size_t at = object + 1; at < nodes[object].next; at = nodes[at].next) {
      names_.push_back(document_.string(nodes[at].name));
    }
    std::sort(names_.begin(), names_.end());
    const auto twice = std::adjacent_find(names_.begin(), names_.end());
    if (twice == names_.end()) return true;
    return refuse("The member \"" + sanitized_text(*twice, 64) + "\" is given more than once.");
  }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  JsonDocument& document_;
  const rapidjson::MemoryStream& stream_;
  std::vector<std::size_t> open_;  // the objects and arrays around the next value
  std::size_t closed_ = 0;         // the one that was closed last
  JsonDocument::Span pending_name_;
  std::vector<std::string_view> names_;
  std::string problem_;
};

tl::expected<JsonDocument, JsonError> JsonDocument::parse(std::string_view text) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("a JSON document of 4 GiB or more");
  }
  JsonDocument document;
  document.text_ = text;
  rapidjson::MemoryStream stream(text.data(), text.size());
  JsonBuilder builder(document, stream);
  Reader reader;
  // Iterative: the depth of the input must not become the depth of our stack.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  const auto malformed = [](std::string message, std::size_t offset) {
    return tl::unexpected<JsonError>({.message = std::move(message), .offset = offset});
  };
  if (!builder.problem().empty()) return malformed(builder.problem(), result.Offset());
  if (result.IsError())
    return malformed(rapidjson::GetParseError_En(result.Code()), result.Offset());
  // The reader takes a NUL byte for the end of the text.
  if (stream.Tell() != text.size()) return malformed("A NUL byte.", stream.Tell());
  return document;
}

JsonType JsonValue::type() const {
  return document_->nodes_[index_].type;
}

std::string_view JsonValue::name() const {
  return document_->string(document_->nodes_[index_].name);
}

std::string_view JsonValue::text() const {
  return document_->string(document_->nodes_[index_].text);
}

bool JsonValue::flag() const {
  return document_->nodes_[index_].flag;
}

std::string_view JsonValue::raw() const {
  const auto& raw = document_->nodes_[index_].raw;
  return document_->text_.substr(raw.begin, raw.size);
}

std::size_t JsonValue::offset() const {
  return document_->nodes_[index_].raw.begin;
}

std::size_t JsonValue::expanded_bytes() const {
  const auto& nodes = document_->nodes_;
  std::size_t bytes = raw().size();
  for (std::uint32_t at = index_; at < nodes[index_].next; ++at) {
    if (nodes[at].type != JsonType::kNumber) continue;
    const int exponent = exponent_of(document_->string(nodes[at].text)).value_or(0);
    bytes += static_cast<std::size_t>(std::abs(exponent));
  }
  return bytes;
}

std::vector<JsonValue> JsonValue::children() const {
  std::vector<JsonValue> children;
  const auto& nodes = document_->nodes_;
  for (std::uint32_t at = index_ + 1; at < nodes[index_].next; at = nodes[at].next) {
    children.push_back({*document_, at});
  }
  return children;
}

std::optional<JsonValue> JsonValue::member(std::string_view name) const {
  const auto& nodes = document_->nodes_;
  for (std::uint32_t at = index_ + 1; at < nodes[index_].next; at = nodes[at].next) {
    if (document_->string(nodes[at].name) == name) return JsonValue(*document_, at);
  }
  return std::nullopt;
}

std::optional<std::string_view> text_member(const JsonValue& object, std::string_view name) {
  const auto member = object.member(name);
  if (!member || member->type() != JsonType::kString) return std::nullopt;
  return member->text();
}

}  // namespace registry::http
