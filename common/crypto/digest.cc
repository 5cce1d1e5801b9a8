#include "common/crypto/digest.h"

#include <array>
#include <stdexcept>

#include <sodium.h>

#include "common/crypto/start_sodium.h"

namespace registry::crypto {
namespace {

constexpr std::size_t kIdBytes = 16;
using IdBytes = std::array<unsigned char, kIdBytes>;

template <std::size_t kBytes>
std::string to_hex(const std::array<unsigned char, kBytes>& bytes) {
  std::array<char, kBytes * 2 + 1> text{};
  ::sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string fingerprint(std::string_view text) {
  start_sodium();
  IdBytes bytes{};
  const int error = ::crypto_generichash(bytes.data(), bytes.size(), bytes_of(text), text.size(),
                                         /*key=*/nullptr, /*keylen=*/0);
  if (error != 0) throw std::runtime_error("crypto_generichash failed");
  return to_hex(bytes);
}

std::string sha256_hex(std::string_view text) {
  start_sodium();
  std::array<unsigned char, crypto_hash_sha256_BYTES> bytes{};
  const int error = ::crypto_hash_sha256(bytes.data(), bytes_of(text), text.size());
  if (error != 0) throw std::runtime_error("crypto_hash_sha256 failed");
  return to_hex(bytes);
}

std::string random_hex_id() {
  start_sodium();
  IdBytes bytes{};
  ::randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

}  // namespace registry::crypto
