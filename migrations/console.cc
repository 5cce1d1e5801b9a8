#include "migrations/console.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <unistd.h>

#include "migrations/failure.h"

namespace registry::migrate {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

void say(std::string_view line) {
  (void)write_all(STDERR_FILENO, std::string(line) + "\n");
}

void print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return;
  throw Failed("can't write the result: " + std::generic_category().message(errno));
}

}  // namespace registry::migrate
