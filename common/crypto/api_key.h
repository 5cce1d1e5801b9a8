#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace registry::crypto {

// The plaintext of an API key: `bp_` and 22 characters of base64url without padding, which are 16
// bytes. Its memory is wiped when it goes, and so is that of each copy; a move is a copy. Whoever
// takes the text out of it answers for that.
class ApiKeySecret {
 public:
  static constexpr std::size_t kLength = 25;
  static constexpr std::size_t kPrefixLength = 11;

  // Nothing for a text that generate() cannot give. That includes one whose last character is not
  // A, Q, g or w: it has bits that belong to no byte, and would be a second spelling of a key.
  [[nodiscard]] static std::optional<ApiKeySecret> parse(std::string_view text);
  // From the system's random source. Throws std::runtime_error when there is none.
  [[nodiscard]] static ApiKeySecret generate();

  ApiKeySecret(const ApiKeySecret&) = default;
  ApiKeySecret& operator=(const ApiKeySecret&) = default;
  ~ApiKeySecret();

  // Both are valid as long as the secret lives and is not assigned to.
  [[nodiscard]] std::string_view text() const { return {text_.data(), kLength}; }
  // What people recognise the key by: no secret, and not unique.
  [[nodiscard]] std::string_view prefix() const { return text().substr(0, kPrefixLength); }

 private:
  ApiKeySecret() = default;

  std::array<char, kLength + 1> text_{};  // libsodium writes a NUL behind its base64
};

// hash_api_key and verify_api_key spend 64 MiB and about 45 ms of one core, and wipe that memory.
// They may run in several threads at once; whoever calls them bounds how many. Both throw
// std::runtime_error when the memory cannot be had.

// What is stored of a key: `argon2id|<salt>|<hash>`, standard base64 without padding. The salt is
// new each time, so the same key never has the same hash twice.
[[nodiscard]] std::string hash_api_key(const ApiKeySecret& key);

enum class KeyMatch : std::uint8_t { kMatch, kNoMatch, kUnknownFormat };

// Whether the stored hash is the key's; compared in constant time. Each part may be in the URL
// alphabet and may be padded. kUnknownFormat, which costs nothing: another tag than `argon2id`, a
// part that is not strict base64, a salt of fewer than 8 or more than 64 bytes, a hash of other
// than 32 bytes.
[[nodiscard]] KeyMatch verify_api_key(const ApiKeySecret& key, std::string_view stored_hash);

// Whether verify_api_key() would do its work rather than answer kUnknownFormat. Costs nothing.
[[nodiscard]] bool is_readable_hash(std::string_view stored_hash);

}  // namespace registry::crypto
