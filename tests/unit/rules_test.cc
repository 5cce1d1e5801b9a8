#include "common/domain/rules.h"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

namespace registry {
namespace {

constexpr const char* kEuroSign = "\xE2\x82\xAC";
constexpr const char* kSmiley = "\xF0\x9F\x98\x80";

std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// A sentence without a subject, fit to stand behind the name of a member.
template <class T>
void check_refused(const Parsed<T>& parsed) {
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().starts_with("must "));
}

TEST_CASE("Slug: what matches the pattern is accepted as it is") {
  const auto text = GENERATE(as<std::string>(), "abc", "a1b", "0-0", "a--b", "acme-gmbh-2", "123",
                             std::string(40, 'a'), "a" + std::string(38, '-') + "z");
  const auto slug = Slug::parse(text);
  REQUIRE(slug);
  CHECK(slug->str() == text);
}

TEST_CASE("Slug: what does not match the pattern is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", "a", "ab", std::string(41, 'a'), "-ab", "ab-", "---", "Abc",
               "aBc", "abC", "a_b", "a.b", "a b", " abc", "abc ", "a\nb", "abc\n", "a/b",
               "\xC3\xA4"
               "bc",
               std::string("a\0b", 3));
  CAPTURE(text);
  check_refused(Slug::parse(text));
}

TEST_CASE("canonical_ip_address: an address of either family, without mask or zone") {
  CHECK(canonical_ip_address("192.0.2.1"));
  CHECK(canonical_ip_address("::1"));
  CHECK(canonical_ip_address("2001:db8::192.0.2.1"));
  const auto text =
      GENERATE(as<std::string>(), "", "unix:", "192.0.2", "192.0.2.256", "192.0.2.1/32", "::1/128",
               "fe80::1%eth0", " ::1", "localhost", "192.0.2.01", "00001::1", "::ffff:192.0.2.01",
               "::1 ", "0x7f.0.0.1", "[::1]");
  CAPTURE(text);
  CHECK_FALSE(canonical_ip_address(text));
  CHECK_FALSE(canonical_ip_address(text));
}

TEST_CASE("canonical_ip_address: one text for each address, by RFC 5952") {
  struct Case {
    std::string given;
    std::string canonical;
  };
  const Case row = GENERATE(values<Case>({
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"::", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"2001:0DB8:0000:0000:0000:0000:0000:0ABC", "2001:db8::abc"},  // lower case, no zeros
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},              // one field alone stays
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                       // the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},                 // of two, the first
      {"fe80:0:0:0:0:0:0:0", "fe80::"},
      {"::FFFF:C000:0201", "::ffff:192.0.2.1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  }));
  CAPTURE(row.given);
  CHECK(canonical_ip_address(row.given) == row.canonical);
  CHECK(canonical_ip_address(row.canonical) == row.canonical);
}

TEST_CASE("ProductId, parse_plan: what matches the pattern is accepted as it is") {
  const auto text = GENERATE(as<std::string>(), "a", "0", "certifai", "a.b_c:d-e", "a-",
                             "a:", std::string(64, 'z'), "0" + std::string(63, '.'));
  CHECK(ProductId::parse(text).value().str() == text);
  CHECK(parse_plan(text).value() == text);
}

TEST_CASE("ProductId, parse_plan: what does not match the pattern is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", std::string(65, 'a'), ".a", "_a", ":a", "-a", "A", "aB",
               "a b", " a", "a ", "a/b", "a*", "a\n", "\xC3\xA4", std::string("a\0", 2));
  CAPTURE(text);
  check_refused(ProductId::parse(text));
  check_refused(parse_plan(text));
}

TEST_CASE("parse_name, parse_text: 1 to 255 characters, counted as code points") {
  for (const std::string character : {"x", kEuroSign, kSmiley}) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{255}}) {
      const std::string text = repeated(count, character);
      CHECK(parse_name(text).value() == text);
      CHECK(parse_text(text).value() == text);
    }
    check_refused(parse_name(repeated(256, character)));
    check_refused(parse_text(repeated(256, character)));
  }
  check_refused(parse_name(""));
  check_refused(parse_text(""));
}

TEST_CASE("parse_long_text: 1 to 4,096 characters, counted as code points") {
  for (const std::string character : {"x", kEuroSign, kSmiley}) {
    const std::string text = repeated(4096, character);
    CHECK(parse_long_text(text).value() == text);
    check_refused(parse_long_text(text + character));
  }
  CHECK(parse_long_text("x"));
  check_refused(parse_long_text(""));
}

TEST_CASE("parse_name: blank or with white space at an end is refused, not trimmed") {
  const std::vector<std::string> white = {" ",
                                          "\t",
                                          "\n",
                                          "\r",
                                          "\v",
                                          "\f",
                                          "\xC2\x85",
                                          "\xC2\xA0",
                                          "\xE1\x9A\x80",
                                          "\xE2\x80\x80",
                                          "\xE2\x80\x8A",
                                          "\xE2\x80\xA8",
                                          "\xE2\x80\xAF",
                                          "\xE2\x81\x9F",
                                          "\xE3\x80\x80"};
  for (const std::string& space : white) {
    check_refused(parse_name(space));
    check_refused(parse_name(space + space));
    check_refused(parse_name(space + "Acme"));
    check_refused(parse_name("Acme" + space));
    CHECK(parse_name("Acme" + space + "Inc.").value() == "Acme" + space + "Inc.");
  }
}

TEST_CASE("parse_text, parse_long_text: white space is kept as it is") {
  CHECK(parse_text(" x ").value() == " x ");
  CHECK(parse_text(" ").value() == " ");
  CHECK(parse_long_text("\n").value() == "\n");
}

TEST_CASE("parse_uuid: says what is expected") {
  CHECK(parse_uuid("00000000-0000-0000-0000-00000000000A").value().to_string() ==
        "00000000-0000-0000-0000-00000000000a");
  check_refused(parse_uuid("x"));
}

TEST_CASE("parse_date: says what is expected") {
  CHECK(parse_date("2024-02-29").value() == Date{2024, 2, 29});
  check_refused(parse_date("2023-02-29"));
}

TEST_CASE("parse_scope: what matches the pattern is accepted as it is") {
  const auto text = GENERATE(as<std::string>(), "a", "0", "audit:write", "a.b_c:d-e*", "report:*",
                             std::string(128, 'z'), "0" + std::string(127, '*'));
  CHECK(parse_scope(text).value() == text);
}

TEST_CASE("parse_scope: what does not match the pattern is refused") {
  const auto text =
      GENERATE(as<std::string>(), "", std::string(129, 'a'), "*", "*a", ".a", ":a", "-a", "_a", "A",
               "aB", "a b", " a", "a ", "a/b", "a\n", "\xC3\xA4", std::string("a\0", 2));
  CAPTURE(text);
  check_refused(parse_scope(text));
}

TEST_CASE("parse_moment: a moment in any offset, and says what is expected") {
  CHECK(parse_moment("2026-05-19T12:10:15+02:00").value() == Timestamp{1'779'185'415'000'000});
  check_refused(parse_moment("2026-05-19"));
}

TEST_CASE("parse_flag: true or false, and nothing else") {
  CHECK(parse_flag("true").value());
  CHECK_FALSE(parse_flag("false").value());
  const auto text = GENERATE(as<std::string>(), "", "True", "1", "0", "yes", "true ", "null");
  CAPTURE(text);
  check_refused(parse_flag(text));
}

}  // namespace
}  // namespace registry
