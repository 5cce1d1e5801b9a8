#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/store/connection_pool.h"
#include "common/store/sqlite/connection.h"

namespace registry::sqlite {

// The connections of one process to one database, each with its schema current.
class Pool final : public ConnectionPool<Connection> {
 public:
  // A database file; its folder and the file are made when they are missing, for this user only.
  // At most `max_connections` (at least 1) at a time. `clock` must outlive the pool.
  [[nodiscard]] static std::shared_ptr<Pool> on_disk(std::string file, int max_connections,
                                                     const Clock& clock);
  // A database in memory, gone with the pool; all threads share its one connection.
  [[nodiscard]] static std::shared_ptr<Pool> in_memory(const Clock& clock);

 private:
  Pool(std::optional<std::string> file, std::size_t max_connections, const Clock& clock);

  [[nodiscard]] std::unique_ptr<Connection> open() override;
  [[nodiscard]] bool is_usable(const Connection& /*connection*/) const override { return true; }

  const std::optional<std::string> file_;  // absent: in memory
  const Clock& clock_;
};

}  // namespace registry::sqlite
