#include "common/app/digest_memory.h"

#include <chrono>
#include <string>

#include "tests/support/catch.h"

namespace registry {
namespace {

using crypto::ProofDigest;
using std::chrono::seconds;

const crypto::ApiKeySecret kPlaintext = *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBBBBBBBBA");
const Uuid kRow = *Uuid::parse("00000000-0000-0000-0000-000000000001");
constexpr DigestMemory::Clock::time_point kStartOfMemory{};

class DigestMemoryTest {
 protected:
  // The digests of different numbers differ.
  [[nodiscard]] ProofDigest digest(int number) const {
    return digester_.digest(kRow, kPlaintext, std::to_string(number));
  }

  crypto::ProofDigester digester_;
  DigestMemory memory_{3, seconds(60)};
};

TEST_CASE_METHOD(DigestMemoryTest, "DigestMemory: has what was added, and nothing else") {
  CHECK_FALSE(memory_.has(digest(1), kStartOfMemory));
  memory_.add(digest(1), kStartOfMemory);
  CHECK(memory_.has(digest(1), kStartOfMemory));
  CHECK_FALSE(memory_.has(digest(2), kStartOfMemory));
  memory_.add(digest(1), kStartOfMemory);
  CHECK(memory_.size() == 1);
}

TEST_CASE_METHOD(DigestMemoryTest, "DigestMemory: the one not asked for longest makes room") {
  for (int i = 1; i <= 3; ++i) memory_.add(digest(i), kStartOfMemory);
  CHECK(memory_.has(digest(1), kStartOfMemory));
  memory_.add(digest(4), kStartOfMemory);
  CHECK(memory_.size() == 3);
  CHECK_FALSE(memory_.has(digest(2), kStartOfMemory));
  for (const int kept : {1, 3, 4}) CHECK(memory_.has(digest(kept), kStartOfMemory));
}

TEST_CASE_METHOD(DigestMemoryTest,
                 "DigestMemory: what is over counts no more, however often used") {
  memory_.add(digest(1), kStartOfMemory);
  CHECK(memory_.has(digest(1), kStartOfMemory + seconds(59)));
  CHECK_FALSE(memory_.has(digest(1), kStartOfMemory + seconds(60)));
  CHECK(memory_.size() == 0);
  memory_.add(digest(1), kStartOfMemory + seconds(60));
  CHECK(memory_.has(digest(1), kStartOfMemory + seconds(119)));
}

TEST_CASE("ProofDigester: each part of a pair and each digester make a difference") {
  const crypto::ProofDigester digester;
  const ProofDigest digest = digester.digest(kRow, kPlaintext, "hash");
  CHECK(digester.digest(kRow, kPlaintext, "hash") == digest);
  CHECK_FALSE(digester.digest(kRow, kPlaintext, "hash2") == digest);
  CHECK_FALSE(digester.digest(*Uuid::parse("00000000-0000-0000-0000-000000000002"), kPlaintext,
                              "hash") == digest);
  CHECK_FALSE(digester.digest(kRow, *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBBBBBBBBQ"),
                              "hash") == digest);
  CHECK_FALSE(crypto::ProofDigester().digest(kRow, kPlaintext, "hash") == digest);
}

}  // namespace
}  // namespace registry
