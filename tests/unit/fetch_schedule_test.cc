#include "common/jobs/fetch_schedule.h"

#include "tests/support/catch.h"

namespace registry::jobs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr FetchSchedule::Moment kBeginning{};

// One that has fetched at the beginning, with this outcome.
FetchSchedule after_a_fetch(bool is_good) {
  FetchSchedule schedule(kBeginning);
  schedule.begin(kBeginning);
  schedule.end(is_good);
  return schedule;
}

TEST_CASE("FetchSchedule: the first fetch is due at once, further ones every five minutes") {
  FetchSchedule schedule(kBeginning);
  CHECK(schedule.next() == kBeginning);
  schedule.begin(kBeginning + seconds(1));
  schedule.end(true);
  CHECK(schedule.next() == kBeginning + seconds(1) + minutes(5));
}

TEST_CASE("FetchSchedule: after a failure the next one is ten seconds away") {
  CHECK(after_a_fetch(false).next() == kBeginning + seconds(10));
}

TEST_CASE("FetchSchedule: who misses a key waits for the end of the ten seconds at most") {
  FetchSchedule schedule = after_a_fetch(true);
  for (int calls = 0; calls < 1'000; ++calls) schedule.want();
  CHECK(schedule.next() == kBeginning + seconds(10));
  // The one that they called for answers them all.
  schedule.begin(kBeginning + seconds(10));
  schedule.end(true);
  CHECK(schedule.next() == kBeginning + seconds(10) + minutes(5));
}

TEST_CASE("FetchSchedule: a call during a fetch, which may have come too early, counts") {
  FetchSchedule schedule(kBeginning);
  schedule.begin(kBeginning);
  schedule.want();
  schedule.end(true);
  CHECK(schedule.next() == kBeginning + seconds(10));
}

TEST_CASE("FetchSchedule: a call before the first fetch changes nothing") {
  FetchSchedule schedule(kBeginning);
  schedule.want();
  CHECK(schedule.next() == kBeginning);
  schedule.begin(kBeginning);
  schedule.end(true);
  CHECK(schedule.next() == kBeginning + minutes(5));
}

}  // namespace
}  // namespace registry::jobs
