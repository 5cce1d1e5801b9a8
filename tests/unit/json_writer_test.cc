#include "common/base/json_writer.h"

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"

namespace registry {
namespace {

TEST_CASE("JsonWriter: members are in the order of the calls, without blanks") {
  JsonWriter writer;
  writer.begin_object()
      .member("z", "text")
      .member("a", std::string("string"))
      .member("view", std::string_view("view"))
      .member("number", std::int64_t{-5})
      .member("flag", true)
      .member("absent", std::optional<std::string>())
      .member("present", std::optional<std::string>("x"))
      .key("list")
      .begin_array()
      .value(std::int64_t{1})
      .value(false)
      .null()
      .value(std::string_view("y"))
      .begin_object()
      .end_object()
      .begin_array()
      .end_array()
      .end_array()
      .end_object();
  CHECK(writer.str() ==
        R"({"z":"text","a":"string","view":"view","number":-5,"flag":true,"absent":null,)"
        R"("present":"x","list":[1,false,null,"y",{},[]]})");
}

TEST_CASE("JsonWriter: a string literal is written as text") {
  JsonWriter writer;
  writer.begin_array().value("text").end_array();
  CHECK(writer.str() == R"(["text"])");
}

TEST_CASE("JsonWriter: numbers are exact at both ends of their range") {
  JsonWriter writer;
  writer.begin_array()
      .value(std::numeric_limits<std::int64_t>::min())
      .value(std::numeric_limits<std::int64_t>::max())
      .value(std::int64_t{0})
      .end_array();
  CHECK(writer.str() == "[-9223372036854775808,9223372036854775807,0]");
}

TEST_CASE("JsonWriter: every character comes back from a parser as it was") {
  std::string text;
  for (char c = 0; c < 0x7F; ++c) text.push_back(c);
  text += "\x7F\xC2\x80\xC3\xA4\xE2\x80\xA8\xE2\x82\xAC\xF0\x9F\x98\x80";
  JsonWriter writer;
  writer.begin_object().member(text, text).end_object();
  CHECK(nlohmann::json::parse(writer.str()) == nlohmann::json{{text, text}});
}

TEST_CASE("JsonWriter: quotes, backslashes and control characters are escaped") {
  using namespace std::string_view_literals;
  JsonWriter writer;
  writer.begin_object().member("k\"", "a\"b\\c\nd\x01\0e/"sv).end_object();
  CHECK(writer.str() == R"({"k\"":"a\"b\\c\nd\u0001\u0000e/"})");
}

TEST_CASE("JsonWriter: an empty text is an empty string, also without memory behind it") {
  JsonWriter writer;
  writer.begin_object().member("", std::string_view()).end_object();
  CHECK(writer.str() == R"({"":""})");
}

TEST_CASE("JsonWriter: a raw document is inserted byte for byte, with separators around it") {
  JsonWriter writer;
  writer.begin_object()
      .key("a")
      .raw(R"({ "x" : 1.50 })")
      .key("b")
      .begin_array()
      .raw("[1]")
      .raw("2")
      .end_array()
      .end_object();
  CHECK(writer.str() == R"({"a":{ "x" : 1.50 },"b":[[1],2]})");
}

}  // namespace
}  // namespace registry
