#include "common/crypto/digest.h"

#include <array>
#include <stdexcept>

#include <sodium.h>

namespace registry::crypto {
namespace {

constexpr std::size_t kIdBytes = 16;
using IdBytes = std::array<unsigned char, kIdBytes>;

std::string to_hex(const IdBytes& bytes) {
  std::array<char, kIdBytes * 2 + 1> text{};
  ::sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

}  // namespace

std::string fingerprint(std::string_view text) {
  IdBytes bytes{};
  const int error = ::crypto_generichash(
      bytes.data(), bytes.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
      /*key=*/nullptr, /*keylen=*/0);
  if (error != 0) throw std::runtime_error("crypto_generichash failed");
  return to_hex(bytes);
}

std::string random_hex_id() {
  IdBytes bytes{};
  ::randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

}  // namespace registry::crypto
