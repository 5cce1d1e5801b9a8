#include "common/base/utf8.h"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

namespace registry {
namespace {

using namespace std::string_view_literals;

TEST_CASE("is_valid_utf8: the first and the last sequence of each length are well-formed") {
  const auto text = GENERATE(as<std::string_view>(), ""sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv,
                             "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
                             "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv,
                             "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z"sv);
  CAPTURE(text);
  CHECK(is_valid_utf8(text));
}

// Each stands alone, and between valid characters.
const std::vector<std::string_view>& ill_formed() {
  static const std::vector<std::string_view> kTexts = {
      "\x80"sv,              // a continuation without a lead
      "\xBF"sv,              //
      "\xC0\xAF"sv,          // overlong '/'
      "\xC1\xBF"sv,          // overlong U+007F
      "\xE0\x80\xAF"sv,      // overlong '/', three bytes
      "\xE0\x9F\xBF"sv,      // overlong U+07FF
      "\xF0\x80\x80\xAF"sv,  // overlong '/', four bytes
      "\xF0\x8F\xBF\xBF"sv,  // overlong U+FFFF
      "\xED\xA0\x80"sv,      // U+D800
      "\xED\xBF\xBF"sv,      // U+DFFF
      "\xF4\x90\x80\x80"sv,  // U+110000
      "\xF5\x80\x80\x80"sv,  // leads that nothing has
      "\xFE"sv,              //
      "\xFF"sv,              //
      "\xC2"sv,              // broken off
      "\xE2\x82"sv,          //
      "\xF0\x9F\x98"sv,      //
      "\xC2\x41"sv,          // no continuation where one must be
      "\xE2\x41\xAC"sv,      //
      "\xE2\x82\x41"sv,      //
      "\xF0\x9F\x98\x41"sv,  //
      "\xF0\x9F\x41\x80"sv,  //
  };
  return kTexts;
}

TEST_CASE("is_valid_utf8: what table 3-7 of Unicode does not list is refused") {
  for (const std::string_view text : ill_formed()) {
    CAPTURE(text);
    CHECK_FALSE(is_valid_utf8(text));
    CHECK_FALSE(is_valid_utf8("\xC3\xA4" + std::string(text) + "z"));
  }
}

TEST_CASE("code_point_count: counts characters, not bytes") {
  CHECK(code_point_count("") == 0);
  CHECK(code_point_count("abc") == 3);
  CHECK(code_point_count("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80") == 3);
}

TEST_CASE("sanitized_text: valid text without control characters stays as it is") {
  const std::string text = "Mozilla/5.0 (\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80)";
  CHECK(sanitized_text(text, 100) == text);
  CHECK(sanitized_text("\xC2\xA0", 100) == "\xC2\xA0");
}

TEST_CASE("sanitized_text: control characters and bad bytes become question marks") {
  CHECK(sanitized_text("a\r\nb\tc\0d\x1B[0m\x7F"sv, 100) == "a??b?c?d?[0m?");
  CHECK(sanitized_text("\xC2\x80\xC2\x9F", 100) == "??");
  CHECK(sanitized_text("a\xFF\xFE"
                       "b",
                       100) == "a??b");
  CHECK(sanitized_text("\xE2\x82", 100) == "??");
  CHECK(sanitized_text("\xED\xA0\x80", 100) == "???");
}

TEST_CASE("sanitized_text: whatever goes in, valid UTF-8 within the limit comes out") {
  for (const std::string_view bad : ill_formed()) {
    const std::string text =
        "\xE2\x82\xAC" + std::string(bad) + "\xF0\x9F\x98\x80" + std::string(bad);
    for (std::size_t limit = 0; limit < 20; ++limit) {
      const std::string clean = sanitized_text(text, limit);
      CHECK(clean.size() <= limit);
      CHECK(is_valid_utf8(clean));
    }
  }
}

TEST_CASE("sanitized_text: a character is never cut in half") {
  const std::string text = "ab\xE2\x82\xAC";
  CHECK(sanitized_text(text, 5) == text);
  CHECK(sanitized_text(text, 4) == "ab");
  CHECK(sanitized_text(text, 3) == "ab");
  CHECK(sanitized_text(text, 1) == "a");
  CHECK(sanitized_text(text, 0).empty());
}

TEST_CASE("is_white_space: exactly what Unicode lists as White_Space") {
  const std::vector<char32_t> listed = {0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,
                                        0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                        0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                                        0x2029, 0x202F, 0x205F, 0x3000};
  std::vector<char32_t> found;
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (is_white_space(code_point)) found.push_back(code_point);
  }
  CHECK(found == listed);
}

TEST_CASE("first_code_point, last_code_point: the ends of a text, of any length in bytes") {
  CHECK_FALSE(first_code_point(""));
  CHECK_FALSE(last_code_point(""));
  CHECK(first_code_point("x") == U'x');
  CHECK(last_code_point("x") == U'x');
  CHECK(first_code_point("\xF0\x9F\x98\x80z") == U'\x1F600');
  CHECK(last_code_point("z\xF0\x9F\x98\x80") == U'\x1F600');
  CHECK(last_code_point("z\xE3\x80\x80") == U'\x3000');
  CHECK(last_code_point("z\xC2\xA0") == U'\xA0');
}

}  // namespace
}  // namespace registry
