#include "common/domain/uuid.h"

#include <array>
#include <cstdint>
#include <string>

#include "tests/support/catch.h"

namespace registry {
namespace {

TEST_CASE("Uuid: is read in either case and written in lower case") {
  const std::string lower = "0123abcd-ef01-7456-89ab-cdef01234567";
  CHECK(Uuid::parse(lower).value().to_string() == lower);
  CHECK(Uuid::parse("0123ABCD-EF01-7456-89AB-CDEF01234567").value().to_string() == lower);
  CHECK(Uuid::parse("0123ABCD-EF01-7456-89AB-CDEF01234567") == Uuid::parse(lower));
}

TEST_CASE("Uuid: any version and variant is read") {
  const auto text =
      GENERATE(as<std::string>(), "00000000-0000-0000-0000-000000000000",
               "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000001",
               "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  CHECK(Uuid::parse(text).value().to_string() == text);
}

TEST_CASE("Uuid: any other spelling is refused") {
  const auto text = GENERATE(
      as<std::string>(), "", "0123abcd-ef01-7456-89ab-cdef0123456",
      "0123abcd-ef01-7456-89ab-cdef012345678", "0123abcdef01745689abcdef01234567",
      "{0123abcd-ef01-7456-89ab-cdef01234567}", "urn:uuid:0123abcd-ef01-7456-89ab-cdef01234567",
      "0123abcd-ef01-7456-89ab-cdef0123456g", "0123abcd-ef01-7456-89ab-cdef0123456 ",
      "0123abcd_ef01-7456-89ab-cdef01234567", "0123abc-def01-7456-89ab-cdef01234567",
      "0123abcd-ef01-7456-89ab0cdef01234567", "-123abcd-ef01-7456-89ab-cdef01234567",
      "0123abcd-ef01-7456-89ab-cdef0123456\xC3");
  CAPTURE(text);
  CHECK_FALSE(Uuid::parse(text));
}

TEST_CASE("Uuid: random bytes make one of version 4 that keeps every other bit") {
  std::array<std::uint8_t, 16> bytes{};
  CHECK(Uuid::from_random(bytes).to_string() == "00000000-0000-4000-8000-000000000000");
  bytes.fill(0xFF);
  CHECK(Uuid::from_random(bytes).to_string() == "ffffffff-ffff-4fff-bfff-ffffffffffff");
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes.at(i) = static_cast<std::uint8_t>(i);
  CHECK(Uuid::from_random(bytes).to_string() == "00010203-0405-4607-8809-0a0b0c0d0e0f");
}

TEST_CASE("Uuid: sorts as its text does") {
  const Uuid low = *Uuid::parse("0fffffff-ffff-ffff-ffff-ffffffffffff");
  const Uuid high = *Uuid::parse("f0000000-0000-0000-0000-000000000000");
  CHECK(low < high);
  CHECK(low != high);
}

}  // namespace
}  // namespace registry
