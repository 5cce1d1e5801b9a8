#include "common/crypto/base64.h"

#include <sodium.h>

#include "common/base/ascii.h"

namespace registry::crypto {

std::optional<std::string> decode_base64url(std::string_view text) {
  // Where char is signed, libsodium 1.0.18 takes every byte above 0x7F for one of its alphabet.
  if (!is_ascii(text)) return std::nullopt;
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  const int error = ::sodium_base642bin(
      reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
      /*ignore=*/nullptr, &size, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  if (error != 0 || end != text.data() + text.size()) return std::nullopt;
  bytes.resize(size);
  return bytes;
}

}  // namespace registry::crypto
