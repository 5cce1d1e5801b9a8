#include "common/store/open_store.h"

#include <utility>

#include "common/store/sqlite/sqlite_store.h"

namespace registry {

std::unique_ptr<Store> open_store(const Config& config, const Clock& clock) {
  auto pool = sqlite::Pool::on_disk(config.state_dir + "/registry.db", config.workers, clock);
  return std::make_unique<sqlite::SqliteStore>(std::move(pool), clock);
}

}  // namespace registry
