#include <string>
#include <vector>

#include "migrations/lock.h"
#include "tests/support/catch.h"

namespace registry::migrate {
namespace {

TEST_CASE("crc32: the check value of its definition") {
  CHECK(crc32("123456789") == 0xCBF43926U);
  CHECK(crc32("") == 0);
}

TEST_CASE("lock_id: golang-migrate's") {
  CHECK(lock_id("public", "tenants") == 1994153252);
  CHECK(lock_id("public", "/tenants") == 825605255);
  CHECK(lock_id("public", "postgres") == 143310882);
  CHECK(lock_id("public", "/postgres") == 3280485947);
}

TEST_CASE("lock_ids: the name with a slash comes first") {
  CHECK(lock_ids("public", "tenants") == std::vector<std::int64_t>{825605255, 1994153252});
}

}  // namespace
}  // namespace registry::migrate
