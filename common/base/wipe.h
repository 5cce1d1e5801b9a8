#pragma once

#include <cstddef>
#include <string>

#include <string.h>

namespace registry {

// Overwrites bytes that may be secret, even where a compiler sees that nobody reads them any more.
inline void wipe(void* bytes, std::size_t size_bytes) noexcept {
  if (size_bytes > 0) ::explicit_bzero(bytes, size_bytes);
}

// Wipes all that a text has room for, so what it held before it became shorter as well, and leaves
// it empty. It keeps the room: without this, clear() or a short text assigned to it keeps the
// bytes.
inline void wipe(std::string& text) noexcept {
  text.resize(text.capacity());
  wipe(text.data(), text.size());
  text.clear();
}

}  // namespace registry
