#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace registry::migrate {

// No version: of an empty database, and before the first migration. golang-migrate's number for it.
constexpr std::int64_t kNoVersion = -1;

// A file is read whole; what is larger than this is data, not a change of the schema.
constexpr std::size_t kMaxFileBytes = std::size_t{16} * 1024 * 1024;
// Bounds the memory that a folder can take.
constexpr std::size_t kMaxMigrations = 10'000;

enum class Direction { kUp, kDown };

// What the build writes into the program, see embed.py.
struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};
struct EmbeddedMigration {
  std::int64_t version;
  std::string_view name;
  std::optional<EmbeddedFile> up;
  std::optional<EmbeddedFile> down;
  std::string_view checksum;
};
extern const std::span<const EmbeddedMigration> kEmbeddedMigrations;

struct File {
  std::string name;  // without its folder
  std::string text;  // valid UTF-8 without zero bytes
};

// A version of the schema. With one direction missing, going that way only moves the version.
struct Migration {
  std::int64_t version = 0;
  std::string name;
  std::optional<File> up;
  std::optional<File> down;
  std::string checksum;  // SHA-256 of the up file in hexadecimal; empty: not computed yet

  [[nodiscard]] const std::optional<File>& file(Direction direction) const {
    return direction == Direction::kUp ? up : down;
  }
};

// All migrations that there are, in the order of their versions, each version once.
class Source {
 public:
  explicit Source(std::vector<Migration> ordered) : migrations_(std::move(ordered)) {}

  [[nodiscard]] const std::vector<Migration>& migrations() const { return migrations_; }
  [[nodiscard]] std::vector<Migration>& migrations() { return migrations_; }
  // Null when there is none. Valid as long as the source.
  [[nodiscard]] const Migration* find(std::int64_t version) const;

 private:
  std::vector<Migration> migrations_;
};

struct FileName {
  std::int64_t version = 0;
  std::string name;
  Direction direction = Direction::kUp;
};

// The parts of "0001_init.up.sql"; leading zeros do not count. Nothing for any other name. Throws
// Failed when the version is too large for the database's bigint.
[[nodiscard]] std::optional<FileName> parse_file_name(std::string_view file_name);

[[nodiscard]] Source embedded_source();

// Reads the migrations of a folder; other files in it are ignored. Throws Failed for two files with
// the same version and direction, or with the same version and another name, for a file that cannot
// be read, is too large, is not UTF-8, or has a byte order mark or a zero byte.
[[nodiscard]] Source folder_source(const std::string& folder);

}  // namespace registry::migrate
