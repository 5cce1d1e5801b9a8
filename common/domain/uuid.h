#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace registry {

// A UUID; written in lower case with dashes. Source: RFC 9562.
class Uuid {
 public:
  // Accepts the 36-character form in either case, of any version; nothing else.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  // Any 16 bytes, as a database keeps them.
  [[nodiscard]] static Uuid from_bytes(const std::array<std::uint8_t, 16>& bytes) {
    return Uuid(bytes);
  }
  // A version 4 UUID made of 16 random bytes.
  [[nodiscard]] static Uuid from_random(std::array<std::uint8_t, 16> bytes);

  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  auto operator<=>(const Uuid&) const = default;

 private:
  explicit Uuid(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}

  std::array<std::uint8_t, 16> bytes_;
};

}  // namespace registry
