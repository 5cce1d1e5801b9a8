#pragma once

#include <stdexcept>
#include <string>

namespace registry::migrate {

// What the process tells its caller.
constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitPending = 3;  // status: something is left to apply, or to mend

// Ends the run with exit code 1. Every failure of this program has one reader, its operator, and
// one effect, so all of them are thrown and shown in one place. The message stands after "error: ",
// may have several lines, and never holds the database's URL.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace registry::migrate
