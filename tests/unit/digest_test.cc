#include "common/crypto/digest.h"

#include <set>
#include <string>

#include "tests/support/catch.h"

namespace registry::crypto {
namespace {

TEST_CASE("fingerprint: 32 hexadecimal digits that depend on the text alone") {
  CHECK(fingerprint("").size() == 32);
  CHECK(fingerprint("abc") == fingerprint(std::string("abc")));
  CHECK(fingerprint("abc") != fingerprint("abd"));
  CHECK(fingerprint("abc").find_first_not_of("0123456789abcdef") == std::string::npos);
  // BLAKE2b of 128 bits, from Python's hashlib.blake2b(b"abc", digest_size=16).
  CHECK(fingerprint("abc") == "cf4ab791c62b8d2b2109c90275287816");
}

TEST_CASE("sha256_hex: the published examples") {
  // Source: FIPS 180-4's example values, "One Block Message Sample"; and of nothing.
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("random_hex_id: 32 hexadecimal digits that do not repeat") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = random_hex_id();
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    ids.insert(id);
  }
  CHECK(ids.size() == 1000);
}

}  // namespace
}  // namespace registry::crypto
