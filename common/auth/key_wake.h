#pragma once

#include <string>

namespace registry::auth {

// The socket on which jwks_sync hears that a token names a key which its file lacks.
[[nodiscard]] std::string wake_socket_of(const std::string& key_file);

// Asks the jwks_sync of this file to look for new keys. Never waits; what is in the way is ignored,
// since jwks_sync looks by itself as well, only less often.
void ask_for_new_keys(const std::string& key_file) noexcept;

}  // namespace registry::auth
