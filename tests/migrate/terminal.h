#pragma once

#include <string>

#include "common/base/unique_fd.h"

namespace registry::test {

// A terminal for a child: what a person would type and see.
class Terminal {
 public:
  Terminal();

  // Its end for the child: a descriptor for standard input, a path for the output.
  [[nodiscard]] int child_end() const { return child_end_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  void type(const std::string& text);
  // All that was ever on the screen, echo of what was typed included.
  [[nodiscard]] const std::string& screen();

 private:
  UniqueFd person_end_;
  std::string path_;
  UniqueFd child_end_;
  std::string screen_;
};

}  // namespace registry::test
