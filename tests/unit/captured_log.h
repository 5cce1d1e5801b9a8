#pragma once

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace registry::test {

// Where a Log under test writes to: a file in memory that the test reads back. Like a pipe, it
// takes the writes of several threads one after the other.
class CapturedLog {
 public:
  CapturedLog() : file_(::memfd_create("log", MFD_CLOEXEC)) {
    if (!file_ || ::fcntl(file_.get(), F_SETFL, O_APPEND) != 0) {
      throw std::system_error(errno, std::generic_category(), "memfd_create");
    }
  }

  [[nodiscard]] int fd() const { return file_.get(); }

  // Everything that was written so far.
  [[nodiscard]] std::string text() const {
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
      const ssize_t count =
          ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
      if (count <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

  // The lines, each parsed; throws when one is no JSON or does not end.
  [[nodiscard]] std::vector<nlohmann::ordered_json> lines() const {
    std::vector<nlohmann::ordered_json> lines;
    const std::string all = text();
    std::size_t begin = 0;
    while (begin < all.size()) {
      const std::size_t end = all.find('\n', begin);
      if (end == std::string::npos) throw std::runtime_error("a line of the log does not end");
      lines.push_back(nlohmann::ordered_json::parse(all.substr(begin, end - begin)));
      begin = end + 1;
    }
    return lines;
  }

 private:
  UniqueFd file_;
};

}  // namespace registry::test
