#include "common/http/json.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

namespace registry::http {
namespace {

using namespace std::string_view_literals;

// Far above what a linear parse takes also under a sanitizer, far below what a quadratic one does.
constexpr std::chrono::seconds kQuick{10};

bool accepts(std::string_view text) {
  return JsonDocument::parse(text).has_value();
}

std::string nested(int levels, std::string_view open, std::string_view close) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += open;
  for (int i = 0; i < levels; ++i) text += close;
  return text;
}

std::string repeated(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST_CASE("JsonDocument: every type is told apart") {
  const std::string text = R"({"n":null,"t":true,"f":false,"i":-1,"s":"x","a":[],"o":{}})";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  const JsonValue root = document->root();
  CHECK(root.type() == JsonType::kObject);
  CHECK(root.member("n")->type() == JsonType::kNull);
  CHECK(root.member("t")->type() == JsonType::kBool);
  CHECK(root.member("t")->flag());
  CHECK(root.member("f")->type() == JsonType::kBool);
  CHECK_FALSE(root.member("f")->flag());
  CHECK(root.member("i")->type() == JsonType::kNumber);
  CHECK(root.member("i")->text() == "-1");
  CHECK(root.member("s")->type() == JsonType::kString);
  CHECK(root.member("s")->text() == "x");
  CHECK(root.member("a")->type() == JsonType::kArray);
  CHECK(root.member("o")->type() == JsonType::kObject);
}

TEST_CASE("JsonDocument: a scalar may be the whole document") {
  for (const std::string text : {"null", "true", "0", "\"x\"", " \r\n\t1 "}) CHECK(accepts(text));
}

TEST_CASE("JsonDocument: members and elements are in the order received") {
  const std::string text = R"({"z":1,"a":[3,{"q":0},[9],1],"m":{"y":2,"b":1}})";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  const std::vector<JsonValue> members = document->root().children();
  REQUIRE(members.size() == 3);
  CHECK(members[0].name() == "z");
  CHECK(members[1].name() == "a");
  CHECK(members[2].name() == "m");
  const std::vector<JsonValue> elements = members[1].children();
  REQUIRE(elements.size() == 4);
  CHECK(elements[0].text() == "3");
  CHECK(elements[0].name().empty());
  CHECK(elements[1].member("q")->text() == "0");
  CHECK(elements[2].children().front().text() == "9");
  CHECK(elements[3].text() == "1");
  CHECK(members[2].children()[1].name() == "b");
}

TEST_CASE("JsonDocument: a member is found in its own object only") {
  const std::string text = R"({"a":{"deep":1},"b":2,"":3})";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  CHECK_FALSE(document->root().member("deep"));
  CHECK(document->root().member("b")->text() == "2");
  CHECK(document->root().member("")->text() == "3");
  CHECK_FALSE(document->root().member("A"));
}

TEST_CASE("JsonDocument: a member given twice is refused") {
  const auto document = JsonDocument::parse(R"({"name":1,"x":2,"name":1})");
  REQUIRE_FALSE(document);
  CHECK(document.error().message.find("name") != std::string::npos);
}

TEST_CASE("JsonDocument: a member given twice is refused at any depth and in any spelling") {
  const auto text = GENERATE(as<std::string>(), R"({"a":{"b":1,"b":2}})", R"([[{"b":1,"b":2}]])",
                             R"({"a":1,"b":{"x":[{"y":0}]},"a":2})", R"({"a":1,"\u0061":2})",
                             R"({"":1,"":2})", R"({"ä":1,"\u00e4":2})", R"({"a":null,"a":null})");
  CAPTURE(text);
  CHECK_FALSE(accepts(text));
}

TEST_CASE("JsonDocument: the same name in different objects is no repetition") {
  CHECK(accepts(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"));
  CHECK(accepts(R"({"a":1,"A":2,"a ":3})"));
}

TEST_CASE("JsonDocument: nesting is accepted up to the limit and refused beyond") {
  constexpr int kLimit = JsonDocument::kDepthLimit;
  constexpr std::size_t kInside = kLimit;
  CHECK(accepts(nested(kLimit, "[", "]")));
  CHECK_FALSE(accepts(nested(kLimit + 1, "[", "]")));
  CHECK(accepts(nested(kLimit - 1, R"({"a":)", "}").insert((kInside - 1) * 5, "{}")));
  CHECK_FALSE(accepts(nested(kLimit, R"({"a":)", "}").insert(kInside * 5, "{}")));
  CHECK(accepts(nested(kLimit / 2, R"([{"a":)", "}]").insert(kInside / 2 * 6, "1")));
  CHECK_FALSE(accepts(nested(kLimit / 2, R"([{"a":)", "}]").insert(kInside / 2 * 6, "[]")));
}

TEST_CASE("JsonDocument: the limit is of depth, not of the number of objects") {
  CHECK(accepts("[" + repeated(1000, "[{}],") + "[]]"));
}

TEST_CASE("JsonDocument: what is no JSON is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", " ", "{", "}", "[", "{]", "[1,]", "[,1]", "[1 2]",
               "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "{1:1}", "{} {}", "{}x",
               "1 2", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01",
               "-01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"",
               "\"\\u12G4\"", "\"a\nb\"", "\"a\tb\"", "// c\n1", "/* c */1", "\xEF\xBB\xBF{}");
  CAPTURE(text);
  CHECK_FALSE(accepts(text));
}

TEST_CASE(
    "JsonDocument: a number of more digits or a larger exponent than stores keep is refused") {
  CHECK(accepts("1e-1000"));
  CHECK(accepts("1E+000308"));
  CHECK(accepts("0." + std::string(1022, '7')));
  const auto number = GENERATE(as<std::string>(), "1e-1001", "0e1001", "1e-2147483648",
                               "1E-99999999999999999999", "0." + std::string(1023, '7'));
  CAPTURE(number);
  CHECK_FALSE(accepts(number));
  CHECK_FALSE(accepts("[" + number + "]"));
}

TEST_CASE("JsonDocument: more than a million values are refused") {
  const auto array_of = [](std::size_t values) {
    std::string text = "[1";
    for (std::size_t i = 1; i < values; ++i) text += ",1";
    return text + "]";
  };
  CHECK(accepts(array_of(JsonDocument::kValueLimit - 1)));
  CHECK_FALSE(accepts(array_of(JsonDocument::kValueLimit)));
  // Where the last one too many is an array.
  std::string nested = array_of(JsonDocument::kValueLimit - 1);
  nested.insert(nested.size() - 1, ",[]");
  CHECK_FALSE(accepts(nested));
}

TEST_CASE("JsonDocument: an empty text without memory behind it is refused") {
  CHECK_FALSE(accepts(std::string_view()));
}

TEST_CASE("JsonDocument: an error names the byte at which it showed") {
  const auto document = JsonDocument::parse("{\"a\":1,\n\"b\":x}");
  REQUIRE_FALSE(document);
  CHECK(document.error().offset == 12);
}

TEST_CASE("JsonDocument: a NUL byte is refused wherever it stands") {
  const auto text = GENERATE(as<std::string_view>(), "{}\0"sv, "{}\0{}"sv, "{} \0 "sv, "\0{}"sv,
                             "{\"a\":\0 1}"sv, "{\"a\":1\0}"sv, "\"a\0b\""sv, "[1,\0 2]"sv, "1\0"sv,
                             "1\0 2"sv, "\0"sv, "{\"a\0\":1}"sv);
  CAPTURE(text);
  CHECK_FALSE(accepts(text));
}

TEST_CASE("JsonDocument: U+0000 is refused in texts and names") {
  CHECK_FALSE(accepts(R"(["a\u0000b"])"));
  CHECK_FALSE(accepts(R"(["\u0000"])"));
  CHECK_FALSE(accepts(R"({"a\u0000":1})"));
  CHECK_FALSE(accepts(R"({"a":{"b":["\u0000"]}})"));
}

TEST_CASE("JsonDocument: half a surrogate pair is refused, escaped and raw") {
  const auto text =
      GENERATE(as<std::string_view>(), R"("\ud800")"sv, R"("\udfff")"sv, R"("\ud800x")"sv,
               R"("\ud800\u0041")"sv, R"("\ud800\ud800")"sv, R"("\udc00\ud800")"sv,
               R"("x\udc00")"sv, R"({"\ud800":1})"sv, R"({"\udc00":1})"sv, "\"\xED\xA0\x80\""sv,
               "\"\xED\xBF\xBF\""sv, "\"\xED\xA0\xBD\xED\xB8\x80\""sv);
  CAPTURE(text);
  CHECK_FALSE(accepts(text));
}

TEST_CASE("JsonDocument: ill-formed UTF-8 is refused in texts and names") {
  const auto bytes =
      GENERATE(as<std::string>(), "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF",
               "\xF0\x80\x80\xAF", "\xF0\x8F\xBF\xBF", "\x80", "\xBF", "\xC2", "\xE2\x82",
               "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "\xC0\x80");
  CAPTURE(bytes);
  CHECK_FALSE(accepts("\"" + bytes + "\""));
  CHECK_FALSE(accepts("{\"" + bytes + "\":1}"));
  CHECK_FALSE(accepts("[\"ok\",\"a" + bytes + "b\"]"));
  CHECK_FALSE(accepts("{}" + bytes));
}

TEST_CASE("JsonDocument: escapes are decoded") {
  const std::string text = R"(["\"\\\/\b\f\n\r\t","\u00e4\u20AC","\ud83d\ude00","\uFFFF"])";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  const auto elements = document->root().children();
  CHECK(elements[0].text() == "\"\\/\b\f\n\r\t");
  CHECK(elements[1].text() == "\xC3\xA4\xE2\x82\xAC");
  CHECK(elements[2].text() == "\xF0\x9F\x98\x80");
  CHECK(elements[3].text() == "\xEF\xBF\xBF");
}

TEST_CASE("JsonDocument: numbers are kept verbatim") {
  const auto number = GENERATE(
      as<std::string>(), "0", "-0", "1", "-1", "1.50", "0.1", "1e5", "1E+05", "1e-400",
      "9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
      "-9223372036854775809", "123456789012345678901234567890", "0.12345678901234567890123456789",
      "1.7976931348623157e308", "-0.0", "1.0e0", "100000000000000000000.000000000000000000001");
  CAPTURE(number);
  const std::string text = "[" + number + ",\"after\"]";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  CHECK(document->root().children()[0].text() == number);
  CHECK(document->root().children()[1].text() == "after");
}

TEST_CASE("JsonDocument: raw() is exactly what was received") {
  const std::string object = "{ \"b\" : [ 1.50 , \"\\u00e4\" ] ,\n\t\"a\":{} }";
  for (const std::string& text :
       {object, " \n" + object + " ", "[" + object + "]", "[1, " + object + " ,2]",
        "{\"x\":" + object + "}", "{\"x\" : " + object + ",\"y\":1}"}) {
    CAPTURE(text);
    const auto document = JsonDocument::parse(text);
    REQUIRE(document);
    JsonValue value = document->root();
    if (text.starts_with('[')) {
      for (const JsonValue& element : document->root().children()) {
        if (element.type() == JsonType::kObject) value = element;
      }
    }
    if (const auto member = value.member("x")) value = *member;
    CHECK(value.raw() == object);
    CHECK(value.member("b")->raw() == "[ 1.50 , \"\\u00e4\" ]");
    CHECK(value.member("a")->raw() == "{}");
  }
}

TEST_CASE("JsonDocument: raw() is right for the smallest documents") {
  for (const std::string text : {"{}", "[]", "{ }", "[ ]"}) {
    const auto document = JsonDocument::parse(text);
    REQUIRE(document);
    CHECK(document->root().raw() == text);
  }
}

TEST_CASE("JsonDocument: a value tells the line that it stands in") {
  const std::string text = "[1,\n{\"a\":\n\"text\"},\n\n[],\nnull,\n-5]";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  const auto line_of = [&](const JsonValue& value) {
    return std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(value.offset()),
                      '\n') +
           1;
  };
  const auto elements = document->root().children();
  CHECK(line_of(document->root()) == 1);
  CHECK(line_of(elements[0]) == 1);
  CHECK(line_of(elements[1]) == 2);
  CHECK(line_of(*elements[1].member("a")) == 3);
  CHECK(line_of(elements[2]) == 5);
  CHECK(line_of(elements[3]) == 6);
  CHECK(line_of(elements[4]) == 7);
}

TEST_CASE("JsonDocument: its values outlive a move") {
  const std::string text = R"({"a":"a text that is too long to be kept in place"})";
  auto parsed = JsonDocument::parse(text);
  REQUIRE(parsed);
  const JsonDocument moved = std::move(*parsed);
  CHECK(moved.root().member("a")->text() == "a text that is too long to be kept in place");
  CHECK(moved.root().member("a")->name() == "a");
}

TEST_CASE("JsonDocument: hostile shapes are refused or read in time linear in their size") {
  constexpr std::size_t kBytes = std::size_t{1} << 20U;
  std::string members = "{\"x\":0";
  for (int i = 0; members.size() < kBytes; ++i) members += ",\"" + std::to_string(i) + "\":1";
  members += "}";
  std::string siblings = "[{}";
  while (siblings.size() < kBytes) siblings += ",{\"a\":[{}]}";
  siblings += "]";

  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(accepts(std::string(kBytes, '[')));
  CHECK_FALSE(accepts(repeated(kBytes / 5, R"({"a":)")));
  CHECK_FALSE(accepts(repeated(kBytes / 2, "[]")));
  CHECK_FALSE(accepts("\"" + repeated(kBytes / 2, "\\\"")));
  CHECK_FALSE(accepts("[" + repeated(kBytes / 2, "1,") + "]"));
  CHECK_FALSE(accepts(std::string(kBytes, '1') + "x"));
  CHECK(accepts(std::string(kBytes, ' ') + "1"));
  CHECK(accepts(siblings));
  CHECK(accepts(members));
  members.insert(members.size() - 1, ",\"x\":1");
  CHECK_FALSE(accepts(members));
  CHECK(std::chrono::steady_clock::now() - start < kQuick);
}

}  // namespace
}  // namespace registry::http
