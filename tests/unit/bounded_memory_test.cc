#include "common/base/bounded_memory.h"

#include <chrono>
#include <string>

#include "common/crypto/proof_digest.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

using crypto::ProofDigest;
using std::chrono::seconds;

using Moment = std::chrono::steady_clock::time_point;
constexpr Moment kMemoryEnd = Moment{} + seconds(60);

class BoundedMemoryTest {
 protected:
  void add(int key, Moment end = kMemoryEnd) { memory_.add(key, std::to_string(key), end); }
  [[nodiscard]] bool has(int key, Moment now = Moment{}) {
    const std::string* found = memory_.find(key, now);
    if (found != nullptr) CHECK(*found == std::to_string(key));
    return found != nullptr;
  }

  BoundedMemory<int, std::string, Moment> memory_{3};
};

TEST_CASE_METHOD(BoundedMemoryTest, "BoundedMemory: has what was added, and nothing else") {
  CHECK_FALSE(has(1));
  add(1);
  CHECK(has(1));
  CHECK_FALSE(has(2));
  add(1);
  CHECK(memory_.size() == 1);
  memory_.clear();
  CHECK_FALSE(has(1));
  CHECK(memory_.size() == 0);
}

TEST_CASE_METHOD(BoundedMemoryTest, "BoundedMemory: what is added again has the later value") {
  memory_.add(1, "old", kMemoryEnd);
  memory_.add(1, "1", kMemoryEnd + seconds(1));
  CHECK(has(1, kMemoryEnd));
}

TEST_CASE_METHOD(BoundedMemoryTest, "BoundedMemory: the one not asked for longest makes room") {
  for (int i = 1; i <= 3; ++i) add(i);
  CHECK(has(1));
  add(4);
  CHECK(memory_.size() == 3);
  CHECK_FALSE(has(2));
  for (const int kept : {1, 3, 4}) CHECK(has(kept));
}

TEST_CASE_METHOD(BoundedMemoryTest,
                 "BoundedMemory: what is over counts no more, however often used") {
  add(1);
  CHECK(has(1, kMemoryEnd - seconds(1)));
  CHECK_FALSE(has(1, kMemoryEnd));
  CHECK(memory_.size() == 0);
  add(1, kMemoryEnd + seconds(60));
  CHECK(has(1, kMemoryEnd + seconds(59)));
}

const crypto::ApiKeySecret kPlaintext = *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBBBBBBBBA");
const Uuid kDigestRow = *Uuid::parse("00000000-0000-0000-0000-000000000001");

TEST_CASE("ProofDigester: each part of a pair and each digester make a difference") {
  const crypto::ProofDigester digester;
  const ProofDigest digest = digester.digest(kDigestRow, kPlaintext, "hash");
  CHECK(digester.digest(kDigestRow, kPlaintext, "hash") == digest);
  CHECK_FALSE(digester.digest(kDigestRow, kPlaintext, "hash2") == digest);
  CHECK_FALSE(digester.digest(*Uuid::parse("00000000-0000-0000-0000-000000000002"), kPlaintext,
                              "hash") == digest);
  CHECK_FALSE(digester.digest(kDigestRow, *crypto::ApiKeySecret::parse("bp_AAAAAAAABBBBBBBBBBBBBQ"),
                              "hash") == digest);
  CHECK_FALSE(crypto::ProofDigester().digest(kDigestRow, kPlaintext, "hash") == digest);
}

TEST_CASE("ProofDigester: different texts and digesters have different digests") {
  const crypto::ProofDigester digester;
  CHECK(digester.digest("a.b.c") == digester.digest("a.b.c"));
  CHECK_FALSE(digester.digest("a.b.c") == digester.digest("a.b.d"));
  CHECK_FALSE(crypto::ProofDigester().digest("a.b.c") == digester.digest("a.b.c"));
}

}  // namespace
}  // namespace registry
