#include "common/jobs/fetch_schedule.h"

#include <algorithm>

namespace registry::jobs {

void FetchSchedule::begin(Moment now) {
  began_ = now;
  has_begun_ = true;
  is_under_way_ = true;
  is_wanted_ = false;
}

void FetchSchedule::end(bool is_good) {
  is_under_way_ = false;
  next_ = is_good && !is_wanted_ ? began_ + kInterval : earliest();
}

void FetchSchedule::want() {
  is_wanted_ = true;
  // Before the first fetch, and during one, the next moment is settled or will be.
  if (has_begun_ && !is_under_way_) next_ = std::min(next_, earliest());
}

}  // namespace registry::jobs
