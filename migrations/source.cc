#include "migrations/source.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "common/base/utf8.h"
#include "migrations/failure.h"

namespace registry::migrate {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string read_file(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::ifstream stream(path, std::ios::binary);
  std::string text;
  if (stream && std::filesystem::is_regular_file(path)) {
    // One byte more than allowed tells that there is more.
    text.resize(kMaxFileBytes + 1);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad() || !stream.eof()) {
    if (text.size() > kMaxFileBytes) {
      throw Failed(name + ": larger than " + std::to_string(kMaxFileBytes) + " bytes");
    }
    throw Failed("can't read " + name);
  }
  if (!is_valid_utf8(text)) throw Failed(name + ": not valid UTF-8");
  // libpq ends a script at a zero byte.
  if (text.find('\0') != std::string::npos) throw Failed(name + ": holds a zero byte");
  if (text.starts_with(kByteOrderMark)) throw Failed(name + ": begins with a byte order mark");
  return text;
}

void add_file(std::map<std::int64_t, Migration>& found, const std::filesystem::path& path) {
  const std::string file_name = path.filename().string();
  const auto parts = parse_file_name(file_name);
  if (!parts) return;
  Migration& migration = found[parts->version];
  auto& file = parts->direction == Direction::kUp ? migration.up : migration.down;
  const auto& other = file ? file : (migration.up ? migration.up : migration.down);
  if (file || (other && migration.name != parts->name)) {
    throw Failed(other->name + " and " + file_name + " have the same version");
  }
  if (found.size() > kMaxMigrations) {
    throw Failed("more than " + std::to_string(kMaxMigrations) + " migrations");
  }
  migration.version = parts->version;
  migration.name = parts->name;
  file = File{.name = file_name, .text = read_file(path)};
}

std::optional<File> copy_of(const std::optional<EmbeddedFile>& file) {
  if (!file) return std::nullopt;
  return File{.name = std::string(file->name), .text = std::string(file->text)};
}

}  // namespace

const Migration* Source::find(std::int64_t version) const {
  const auto at = std::lower_bound(
      migrations_.begin(), migrations_.end(), version,
      [](const Migration& migration, std::int64_t wanted) { return migration.version < wanted; });
  return at != migrations_.end() && at->version == version ? &*at : nullptr;
}

std::optional<FileName> parse_file_name(std::string_view file_name) {
  constexpr std::string_view kUpEnd = ".up.sql";
  constexpr std::string_view kDownEnd = ".down.sql";
  const std::size_t digits = file_name.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || file_name[digits] != '_') {
    return std::nullopt;
  }
  FileName parts;
  std::string_view name = file_name.substr(digits + 1);
  if (name.ends_with(kUpEnd)) {
    name.remove_suffix(kUpEnd.size());
  } else if (name.ends_with(kDownEnd)) {
    parts.direction = Direction::kDown;
    name.remove_suffix(kDownEnd.size());
  } else {
    return std::nullopt;
  }
  parts.name = name;
  const auto result = std::from_chars(file_name.data(), file_name.data() + digits, parts.version);
  if (result.ec != std::errc()) {
    throw Failed(std::string(file_name) + ": the version is too large");
  }
  return parts;
}

Source embedded_source() {
  std::vector<Migration> migrations;
  for (const EmbeddedMigration& embedded : kEmbeddedMigrations) {
    migrations.push_back({.version = embedded.version,
                          .name = std::string(embedded.name),
                          .up = copy_of(embedded.up),
                          .down = copy_of(embedded.down),
                          .checksum = std::string(embedded.checksum)});
  }
  return Source(std::move(migrations));
}

Source folder_source(const std::string& folder) {
  std::map<std::int64_t, Migration> found;
  try {
    // In the order of their names, so that a message does not depend on the file system.
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) add_file(found, path);
  } catch (const std::filesystem::filesystem_error& error) {
    throw Failed("can't read the folder " + folder + ": " + error.code().message());
  }
  std::vector<Migration> migrations;
  for (auto& [version, migration] : found) migrations.push_back(std::move(migration));
  return Source(std::move(migrations));
}

}  // namespace registry::migrate
