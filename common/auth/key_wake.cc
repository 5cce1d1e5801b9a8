#include "common/auth/key_wake.h"

#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/unique_fd.h"

namespace registry::auth {

std::string wake_socket_of(const std::string& key_file) {
  return key_file + ".wake";
}

void ask_for_new_keys(const std::string& key_file) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view kSuffix = ".wake";
  if (key_file.size() + kSuffix.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, key_file.data(), key_file.size());
  std::memcpy(address.sun_path + key_file.size(), kSuffix.data(), kSuffix.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return;
  const char byte = 0;
  static_cast<void>(::sendto(socket.get(), &byte, 1, MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

}  // namespace registry::auth
