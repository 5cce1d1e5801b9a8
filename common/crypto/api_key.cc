#include "common/crypto/api_key.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <argon2.h>
#include <sodium.h>
#include <sys/mman.h>

#include "common/base/ascii.h"
#include "common/crypto/start_sodium.h"

namespace registry::crypto {
namespace {

constexpr std::string_view kKeyTag = "bp_";
constexpr std::size_t kKeyBytes = 16;

constexpr std::string_view kHashTag = "argon2id|";
constexpr std::size_t kNewSaltBytes = 16;
constexpr std::size_t kSaltBytesMin = 8;  // fewer are an error to argon2
constexpr std::size_t kSaltBytesMax = 64;
constexpr std::size_t kHashBytes = 32;

constexpr std::uint32_t kPasses = 1;
constexpr std::uint32_t kMemoryKib = 64 * 1024;
constexpr std::uint32_t kLanes = 4;
// The hash does not depend on it. With more, libargon2 of 2017 (Debian 12) frees the memory under
// its running threads when the system refuses it another one, and the process crashes.
// Source: https://github.com/P-H-C/phc-winner-argon2/pull/268
constexpr std::uint32_t kThreads = 1;

// Wiped whatever way its scope is left.
template <std::size_t kSize>
struct SecretBytes {
  std::array<unsigned char, kSize> bytes{};

  SecretBytes() = default;
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes() { ::sodium_memzero(bytes.data(), bytes.size()); }
};
using Argon2Hash = SecretBytes<kHashBytes>;
using Bytes = std::vector<unsigned char>;

struct StoredHash {
  Bytes salt;
  Bytes hash;
};

// libargon2 asks for pointers that it could write through; it does only when told to by a flag.
std::uint8_t* argon2_input(const void* bytes) {
  return const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(bytes));
}

// The 64 MiB come from the system and go back to it, in large pages where there are any: to touch
// them 4 KiB at a time takes as long as a third of the work. They stay out of core dumps. libargon2
// wipes them before it frees them.
int allocate_blocks(std::uint8_t** memory, std::size_t size) {
  void* const blocks =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (blocks == MAP_FAILED) return ARGON2_MEMORY_ALLOCATION_ERROR;
  ::madvise(blocks, size, MADV_HUGEPAGE);
  ::madvise(blocks, size, MADV_DONTDUMP);
  *memory = static_cast<std::uint8_t*>(blocks);
  return ARGON2_OK;
}

void free_blocks(std::uint8_t* memory, std::size_t size) {
  ::munmap(memory, size);
}

Argon2Hash argon2id(const ApiKeySecret& key, const Bytes& salt) {
  Argon2Hash hash;
  ::argon2_context context{};
  context.out = hash.bytes.data();
  context.outlen = kHashBytes;
  context.pwd = argon2_input(key.text().data());
  context.pwdlen = ApiKeySecret::kLength;
  context.salt = argon2_input(salt.data());
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = kPasses;
  context.m_cost = kMemoryKib;
  context.lanes = kLanes;
  context.threads = kThreads;
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = allocate_blocks;
  context.free_cbk = free_blocks;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int error = ::argon2_ctx(&context, Argon2_id);
  if (error != ARGON2_OK) {
    throw std::runtime_error(std::string("argon2: ") + ::argon2_error_message(error));
  }
  return hash;
}

std::string to_base64(const unsigned char* bytes, std::size_t size) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::string text(::sodium_base64_encoded_len(size, kVariant), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes, size, kVariant);
  text.pop_back();  // the NUL
  return text;
}

int base64_variant(std::string_view text) {
  const bool is_padded = text.ends_with('=');
  if (text.find_first_of("-_") != std::string_view::npos) {
    return is_padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  }
  return is_padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
}

// Nothing for what is not base64 to its last bit (bytes above 0x7F: see base64.cc), or more than
// `limit` bytes.
std::optional<Bytes> from_base64(std::string_view text, std::size_t limit) {
  if (!is_ascii(text)) return std::nullopt;
  Bytes bytes(limit);
  std::size_t size = 0;
  const int error =
      ::sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(),
                          /*ignore=*/nullptr, &size, /*b64_end=*/nullptr, base64_variant(text));
  if (error != 0) return std::nullopt;
  bytes.resize(size);
  return bytes;
}

std::optional<StoredHash> parse_stored_hash(std::string_view text) {
  if (!text.starts_with(kHashTag)) return std::nullopt;
  text.remove_prefix(kHashTag.size());
  const std::size_t separator = text.find('|');
  if (separator == std::string_view::npos) return std::nullopt;
  std::optional<Bytes> salt = from_base64(text.substr(0, separator), kSaltBytesMax);
  std::optional<Bytes> hash = from_base64(text.substr(separator + 1), kHashBytes);
  if (!salt || salt->size() < kSaltBytesMin || !hash || hash->size() != kHashBytes) {
    return std::nullopt;
  }
  return StoredHash{.salt = *std::move(salt), .hash = *std::move(hash)};
}

}  // namespace

std::optional<ApiKeySecret> ApiKeySecret::parse(std::string_view text) {
  if (text.size() != kLength || !text.starts_with(kKeyTag) || !is_ascii(text)) return std::nullopt;
  const std::string_view encoded = text.substr(kKeyTag.size());
  // Decoded only to see that it can be; the decoder refuses bits that belong to no byte.
  SecretBytes<kKeyBytes> decoded;
  std::size_t size = 0;
  const int error = ::sodium_base642bin(
      decoded.bytes.data(), decoded.bytes.size(), encoded.data(), encoded.size(),
      /*ignore=*/nullptr, &size, /*b64_end=*/nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  if (error != 0) return std::nullopt;
  ApiKeySecret secret;
  std::copy(text.begin(), text.end(), secret.text_.begin());
  return secret;
}

ApiKeySecret ApiKeySecret::generate() {
  start_sodium();
  SecretBytes<kKeyBytes> random;
  ::randombytes_buf(random.bytes.data(), random.bytes.size());
  ApiKeySecret secret;
  std::copy(kKeyTag.begin(), kKeyTag.end(), secret.text_.begin());
  ::sodium_bin2base64(secret.text_.data() + kKeyTag.size(), secret.text_.size() - kKeyTag.size(),
                      random.bytes.data(), random.bytes.size(),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return secret;
}

ApiKeySecret::~ApiKeySecret() {
  ::sodium_memzero(text_.data(), text_.size());
}

std::string hash_api_key(const ApiKeySecret& key) {
  start_sodium();
  Bytes salt(kNewSaltBytes);
  ::randombytes_buf(salt.data(), salt.size());
  const Argon2Hash hash = argon2id(key, salt);
  return std::string(kHashTag) + to_base64(salt.data(), salt.size()) + '|' +
         to_base64(hash.bytes.data(), hash.bytes.size());
}

bool is_readable_hash(std::string_view stored_hash) {
  return parse_stored_hash(stored_hash).has_value();
}

KeyMatch verify_api_key(const ApiKeySecret& key, std::string_view stored_hash) {
  const std::optional<StoredHash> stored = parse_stored_hash(stored_hash);
  if (!stored) return KeyMatch::kUnknownFormat;
  const Argon2Hash hash = argon2id(key, stored->salt);
  const bool is_equal = ::sodium_memcmp(hash.bytes.data(), stored->hash.data(), kHashBytes) == 0;
  return is_equal ? KeyMatch::kMatch : KeyMatch::kNoMatch;
}

}  // namespace registry::crypto
