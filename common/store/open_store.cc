#include "common/store/open_store.h"

#include <utility>

#include "common/store/postgres/postgres_store.h"
#include "common/store/sqlite/sqlite_store.h"

namespace registry {

tl::expected<std::unique_ptr<Store>, ConfigError> open_store(const Config& config,
                                                             const Clock& clock) {
  // One for each worker, and one for what a function does in the background.
  const int connections = config.workers + 1;
  if (!config.database_url.empty()) {
    if (!postgres::Connection::is_valid_url(config.database_url)) {
      return tl::unexpected<ConfigError>(
          {.variable = "DATABASE_URL", .message = "is no URL or conninfo that libpq can read"});
    }
    auto pool = std::make_shared<postgres::Pool>(config.database_url, connections);
    return std::make_unique<postgres::PostgresStore>(std::move(pool));
  }
  auto pool = sqlite::Pool::on_disk(config.state_dir + "/registry.db", connections, clock);
  return std::make_unique<sqlite::SqliteStore>(std::move(pool), clock);
}

}  // namespace registry
