#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include <poll.h>

namespace registry::test {

// How long a test waits for something that is going to happen. Reached only by a failure.
inline constexpr std::chrono::seconds kPatience{20};

// Asks again and again until the condition holds; throws, saying what was awaited, when it does
// not within kPatience.
template <class Condition>
void wait_until(const std::string& what, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("gave up on: " + what);
    ::poll(nullptr, 0, 2);  // lets others run
  }
}

}  // namespace registry::test
