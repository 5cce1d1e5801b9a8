#include <memory>
#include <vector>

#include "common/app/audit_export.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

TEST_CASE("ExportPlaces: one caller has half of them at most, and there is one for the next") {
  ExportPlaces places;
  std::vector<std::shared_ptr<void>> taken;
  const auto take_all = [&](const char* caller) {
    int count = 0;
    while (auto place = places.take(caller)) {
      taken.push_back(std::move(place));
      ++count;
    }
    return count;
  };
  CHECK(take_all("ada") == kExportsAtOnce / 2);
  CHECK(take_all("bob") == kExportsAtOnce / 4);
  CHECK(take_all("eve") == kExportsAtOnce / 8);
  CHECK(take_all("ada") == 0);
}

TEST_CASE("ExportPlaces: a place is free again when nobody has it any longer") {
  ExportPlaces places;
  for (int i = 0; i < 3 * kExportsAtOnce; ++i) {
    auto place = places.take("ada");
    REQUIRE(place);
    const auto copy = place;
    place.reset();
    REQUIRE(copy);
  }
  CHECK(places.take("ada"));
}

}  // namespace
}  // namespace registry
