#include "common/domain/tenant_scope.h"

#include <type_traits>

#include "tests/support/catch.h"

namespace registry {
namespace {

constexpr const char* kOneText = "00000000-0000-4000-8000-000000000001";
constexpr const char* kTwoText = "00000000-0000-4000-8000-000000000002";
const Uuid kOne = Uuid::parse(kOneText).value();
const Uuid kTwo = Uuid::parse(kTwoText).value();

static_assert(!std::is_default_constructible_v<TenantScope>, "nobody gets a scope by forgetting");

TEST_CASE("TenantScope: all has every tenant") {
  const TenantScope scope = TenantScope::all();
  CHECK(scope.is_all());
  CHECK(scope.has(kOne));
  CHECK(scope.has(kOne, "one"));
  CHECK(scope.ids().empty());
  CHECK(scope.slugs().empty());
}

TEST_CASE("TenantScope: nothing listed has nobody") {
  const TenantScope scope = TenantScope::of({}, {});
  CHECK_FALSE(scope.is_all());
  CHECK_FALSE(scope.has(kOne));
  CHECK_FALSE(scope.has(kOne, "one"));
  CHECK_FALSE(scope.has(kOne, ""));
}

TEST_CASE("TenantScope: several tenants, each by its id or its slug") {
  const Uuid three = Uuid::from_bytes({});
  const TenantScope scope = TenantScope::of({kOne, kTwo}, {"third", "fourth"});
  CHECK(scope.has(kOne));
  CHECK(scope.has(kTwo, "whatever"));
  CHECK(scope.has(three, "third"));
  CHECK(scope.has(three, "fourth"));
  CHECK_FALSE(scope.has(three));
  CHECK_FALSE(scope.has(three, "thir"));
  CHECK_FALSE(scope.has(three, "Third"));
}

TEST_CASE("TenantScope: a slug that looks like an id is none") {
  const TenantScope scope = TenantScope::of({}, {kOneText});
  CHECK_FALSE(scope.has(kOne));
  CHECK_FALSE(scope.has(kOne, "one"));
  CHECK(scope.has(kTwo, kOneText));
}

TEST_CASE("TenantScope: an id is not the slug of the same text") {
  const TenantScope scope = TenantScope::of({kOne}, {});
  CHECK_FALSE(scope.has(kTwo, kOneText));
}

TEST_CASE("TenantScope: what is no slug is left out") {
  const TenantScope scope = TenantScope::of(
      {}, {"", "Acme", "a", "acme\n", std::string("ac\0me", 5), "\xff\xfe", "acme"});
  CHECK(scope.slugs() == std::vector<std::string>{"acme"});
  CHECK_FALSE(scope.has(kOne, ""));
}

}  // namespace
}  // namespace registry
