#include "common/crypto/proof_digest.h"

#include <cstring>
#include <stdexcept>

#include <sodium.h>

#include "common/crypto/start_sodium.h"

namespace registry::crypto {
namespace {

constexpr std::size_t kSecretBytes = crypto_generichash_KEYBYTES;

// The state of the hash holds what it was fed.
struct HashState {
  ::crypto_generichash_state state;

  HashState() = default;
  HashState(const HashState&) = delete;
  HashState& operator=(const HashState&) = delete;
  ~HashState() { ::sodium_memzero(&state, sizeof(state)); }
};

}  // namespace

bool ProofDigest::operator==(const ProofDigest& other) const noexcept {
  return ::sodium_memcmp(bytes_.data(), other.bytes_.data(), kBytes) == 0;
}

std::size_t ProofDigest::Hash::operator()(const ProofDigest& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.bytes_.data(), sizeof(hash));
  return hash;
}

ProofDigester::ProofDigester() {
  start_sodium();
  secret_ = static_cast<unsigned char*>(::sodium_malloc(kSecretBytes));
  if (secret_ == nullptr) throw std::runtime_error("sodium_malloc failed");
  ::randombytes_buf(secret_, kSecretBytes);
  ::sodium_mprotect_readonly(secret_);
}

ProofDigester::~ProofDigester() {
  ::sodium_free(secret_);
}

ProofDigest ProofDigester::digest(const Uuid& key_id, const ApiKeySecret& secret,
                                  std::string_view stored_hash) const {
  const auto& id = key_id.bytes();
  HashState hash;
  ProofDigest digest;
  // The first two have always the same length, so no two inputs make the same sequence of bytes.
  const auto feed = [&](const void* bytes, std::size_t size) {
    ::crypto_generichash_update(&hash.state, static_cast<const unsigned char*>(bytes), size);
  };
  ::crypto_generichash_init(&hash.state, secret_, kSecretBytes, ProofDigest::kBytes);
  feed(id.data(), id.size());
  feed(secret.text().data(), secret.text().size());
  feed(stored_hash.data(), stored_hash.size());
  ::crypto_generichash_final(&hash.state, digest.bytes_.data(), ProofDigest::kBytes);
  return digest;
}

ProofDigest ProofDigester::digest(std::string_view text) const {
  ProofDigest digest;
  ::crypto_generichash(digest.bytes_.data(), ProofDigest::kBytes,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret_,
                       kSecretBytes);
  return digest;
}

}  // namespace registry::crypto
