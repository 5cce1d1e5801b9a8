#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace registry {

// Writes one JSON document, member by member, in the order of the calls: no tree in between.
// Strings must be valid UTF-8. Source: RFC 8259.
class JsonWriter {
 public:
  JsonWriter() : writer_(buffer_) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();

  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text);  // else a literal would become a bool
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(bool flag);
  JsonWriter& null();
  // Inserts a document that is known to be well-formed, such as a stored one, as it is.
  JsonWriter& raw(std::string_view json);

  // A member of an object; the string form of an absent optional is null.
  JsonWriter& member(std::string_view name, std::string_view text);
  JsonWriter& member(std::string_view name, const std::string& text);
  JsonWriter& member(std::string_view name, const char* text);
  JsonWriter& member(std::string_view name, const std::optional<std::string>& text);
  JsonWriter& member(std::string_view name, std::int64_t number);
  JsonWriter& member(std::string_view name, bool flag);

  // What was written; complete once every object and array is closed.
  [[nodiscard]] std::string str() const;

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace registry
