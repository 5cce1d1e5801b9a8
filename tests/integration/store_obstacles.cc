#include "tests/integration/store_obstacles.h"

#include <filesystem>

#include "common/store/postgres/connection.h"
#include "common/store/sqlite/connection.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

bool has_open(const Process& process, const std::string& file) {
  const std::string descriptors = "/proc/" + std::to_string(process.pid()) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(descriptors)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == file) return true;
  }
  return false;
}

std::string database_name(const Service& service) {
  postgres::Connection connection({.url = service.database_url()});
  return connection.query("SELECT current_database()::text").get<std::string>(0, 0);
}

}  // namespace

struct WriteLock::Embedded {
  explicit Embedded(const Service& service)
      : file(service.database_path()), connection(file), transaction(connection) {}

  std::string file;
  sqlite::Connection connection;
  sqlite::Transaction transaction;
};

struct WriteLock::Postgres {
  explicit Postgres(const Service& service)
      : connection({.url = service.database_url()}), transaction(connection) {
    connection.execute("LOCK TABLE tenants IN EXCLUSIVE MODE");
  }

  postgres::Connection connection;
  postgres::Transaction transaction;
};

WriteLock::WriteLock(const Service& service) {
  if (service.database_url().empty()) {
    embedded_ = std::make_unique<Embedded>(service);
  } else {
    postgres_ = std::make_unique<Postgres>(service);
  }
}

WriteLock::~WriteLock() = default;

void WriteLock::wait_for_write(const Process& function) const {
  wait_until("the write to be in flight", [&] {
    // The kernel tells which files a process has open: the database, once it waits for the lock.
    if (embedded_) return has_open(function, embedded_->file);
    return postgres_->connection
        .query(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tenants'::regclass"
            " AND NOT granted)")
        .get<bool>(0, 0);
  });
}

StoreAway::StoreAway(const Service& service) : is_on_postgres_(!service.database_url().empty()) {
  if (is_on_postgres_) {
    place_ = database_name(service);
    shared_cluster().sql("postgres", "ALTER DATABASE " + place_ + " ALLOW_CONNECTIONS false;" +
                                         "SELECT pg_terminate_backend(pid, 10000)"
                                         " FROM pg_stat_activity WHERE datname = '" +
                                         place_ + "'");
  } else {
    place_ = service.database_path();
    std::filesystem::create_directory(place_);  // a folder where the file should be
  }
}

StoreAway::~StoreAway() {
  if (is_on_postgres_) {
    shared_cluster().sql("postgres", "ALTER DATABASE " + place_ + " ALLOW_CONNECTIONS true");
  } else {
    std::filesystem::remove(place_);
  }
}

}  // namespace registry::test
