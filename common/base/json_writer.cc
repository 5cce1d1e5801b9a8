#include "common/base/json_writer.h"

namespace registry {
namespace {

rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

// RapidJSON asserts that it gets no null pointer, also for an empty text.
const char* data_of(std::string_view text) {
  return text.empty() ? "" : text.data();
}

}  // namespace

JsonWriter& JsonWriter::begin_object() {
  writer_.StartObject();
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  writer_.EndObject();
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  writer_.StartArray();
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  writer_.EndArray();
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  writer_.Key(data_of(name), size_of(name));
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  writer_.String(data_of(text), size_of(text));
  return *this;
}

JsonWriter& JsonWriter::value(const char* text) {
  return value(std::string_view(text));
}

JsonWriter& JsonWriter::value(std::int64_t number) {
  writer_.Int64(number);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) {
  writer_.Bool(flag);
  return *this;
}

JsonWriter& JsonWriter::null() {
  writer_.Null();
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  // The type matters to RapidJSON only for the separators around the value.
  writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  return *this;
}

JsonWriter& JsonWriter::member(std::string_view name, std::string_view text) {
  return key(name).value(text);
}

JsonWriter& JsonWriter::member(std::string_view name, const std::string& text) {
  return key(name).value(std::string_view(text));
}

JsonWriter& JsonWriter::member(std::string_view name, const char* text) {
  return key(name).value(std::string_view(text));
}

JsonWriter& JsonWriter::member(std::string_view name, const std::optional<std::string>& text) {
  key(name);
  return text ? value(std::string_view(*text)) : null();
}

JsonWriter& JsonWriter::member(std::string_view name, std::int64_t number) {
  return key(name).value(number);
}

JsonWriter& JsonWriter::member(std::string_view name, bool flag) {
  return key(name).value(flag);
}

std::string JsonWriter::str() const {
  return {buffer_.GetString(), buffer_.GetSize()};
}

}  // namespace registry
