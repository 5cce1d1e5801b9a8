#include "tests/migrate/terminal.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace registry::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Terminal::Terminal() : person_end_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
  if (!person_end_) fail("posix_openpt");
  if (::grantpt(person_end_.get()) != 0) fail("grantpt");
  if (::unlockpt(person_end_.get()) != 0) fail("unlockpt");
  std::array<char, 64> name{};
  if (::ptsname_r(person_end_.get(), name.data(), name.size()) != 0) fail("ptsname_r");
  path_ = name.data();
  child_end_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!child_end_) fail("open");
}

void Terminal::type(const std::string& text) {
  if (::write(person_end_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    fail("write");
  }
}

const std::string& Terminal::screen() {
  std::array<char, 4096> bytes{};
  while (true) {
    const ssize_t count = ::read(person_end_.get(), bytes.data(), bytes.size());
    if (count <= 0) return screen_;
    screen_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace registry::test
