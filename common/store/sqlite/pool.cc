#include "common/store/sqlite/pool.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "common/base/private_folder.h"
#include "common/store/sqlite/schema.h"
#include "common/store/store.h"

namespace registry::sqlite {
namespace {

[[noreturn]] void throw_unavailable(const std::string& what, const std::error_code& error) {
  throw StoreUnavailable("sqlite: cannot make " + what + ": " + error.message());
}

std::error_code last_system_error() {
  return {errno, std::generic_category()};
}

// The store holds customers' data, so other users of the machine are kept out. SQLite gives its
// further files the mode of the database.
void make_private_file(const std::filesystem::path& file) {
  constexpr mode_t kFileMode = 0600;
  const std::filesystem::path folder = file.parent_path();
  if (const auto error = make_private_folder(folder)) throw_unavailable(folder.string(), error);
  // Not open(): closing the descriptor would drop the locks that another connection of this
  // process holds on the file. Source: https://www.sqlite.org/howtocorrupt.html, 2.2
  if (::mknod(file.c_str(), S_IFREG | kFileMode, 0) != 0 && errno != EEXIST) {
    throw_unavailable(file.string(), last_system_error());
  }
}

}  // namespace

std::shared_ptr<Pool> Pool::on_disk(std::string file, int max_connections, const Clock& clock) {
  return std::shared_ptr<Pool>(
      new Pool(std::move(file), static_cast<std::size_t>(max_connections), clock));
}

std::shared_ptr<Pool> Pool::in_memory(const Clock& clock) {
  return std::shared_ptr<Pool>(new Pool(std::nullopt, 1, clock));
}

Pool::Pool(std::optional<std::string> file, std::size_t max_connections, const Clock& clock)
    : ConnectionPool(max_connections, kBusyTimeout), file_(std::move(file)), clock_(clock) {}

std::unique_ptr<Connection> Pool::open() {
  std::string path = Connection::kInMemory;
  if (file_) {
    // Absolute, because SQLite may take "file:…" or ":memory:" for something else than a path.
    std::error_code error;
    const auto file = std::filesystem::absolute(*file_, error);
    if (error) throw_unavailable(*file_, error);
    make_private_file(file);
    path = file.string();
  }
  auto connection = std::make_unique<Connection>(path);
  prepare_database(*connection, clock_.now());
  return connection;
}

}  // namespace registry::sqlite
