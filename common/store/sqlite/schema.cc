#include "common/store/sqlite/schema.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "common/store/store.h"

namespace registry::sqlite {
namespace {

// What a developer finds in a new store.
void seed_acme(Connection& db, Timestamp now) {
  constexpr std::string_view kId = "00000000-0000-0000-0000-000000000001";
  db.run(
      "INSERT INTO tenants (id, slug, name, status, plan, created_at, updated_at)"
      " VALUES (?1, 'acme', 'Acme Inc.', 'active', 'professional', ?2, ?2)",
      kId, now);
  db.run(
      "INSERT INTO tenant_products (tenant_id, product, created_at, updated_at)"
      " VALUES (?1, 'certifai', ?2, ?2), (?1, 'compliance', ?2, ?2)",
      kId, now);
}

void create_schema(Connection& db, Timestamp now) {
  db.execute(std::string(kSchemaSql));
  seed_acme(db, now);
}

void add_product_requests(Connection& db, Timestamp /*now*/) {
  db.execute(std::string(kSchema2Sql));
}

void add_keys_and_pages(Connection& db, Timestamp /*now*/) {
  db.execute(std::string(kSchema3Sql));
}

// Entry n takes a database from version n to n + 1; its script sets user_version.
using Upgrade = void (*)(Connection& db, Timestamp now);
constexpr std::array<Upgrade, kSchemaVersion> kUpgrades = {create_schema, add_product_requests,
                                                           add_keys_and_pages};

// The version, checked to be one that this program knows.
int known_schema_version(Connection& db) {
  const int version = schema_version(db);
  if (version < 0 || version > kSchemaVersion) {
    throw StoreUnavailable("the embedded store has schema version " + std::to_string(version) +
                           "; this program knows versions up to " + std::to_string(kSchemaVersion));
  }
  return version;
}

// With a write-ahead log readers and the writer do not wait for each other. The mode stays with
// the file, so this writes once. It is the one statement for which SQLite does not wait for a lock
// (it would have to turn a read lock into a write lock), so the wait is here.
void use_write_ahead_log(Connection& db) {
  constexpr std::chrono::milliseconds kPause{5};
  const auto give_up_at = std::chrono::steady_clock::now() + kBusyTimeout;
  while (true) {
    try {
      db.execute("PRAGMA journal_mode = WAL");
      return;
    } catch (const StoreUnavailable&) {
      if (!db.is_reusable() || std::chrono::steady_clock::now() > give_up_at) throw;
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

int schema_version(Connection& db) {
  Statement row = db.query("PRAGMA user_version");
  row.step();
  return static_cast<int>(row.get<std::int64_t>(0));
}

void prepare_database(Connection& db, Timestamp now) {
  // Before anything that could write: a newer file stays as it is.
  const int version_seen = known_schema_version(db);
  use_write_ahead_log(db);
  if (version_seen == kSchemaVersion) return;

  Transaction transaction(db);
  // Another process may have done it while this one waited for the write lock.
  for (auto version = static_cast<std::size_t>(known_schema_version(db));
       version < kUpgrades.size(); ++version) {
    kUpgrades.at(version)(db, now);
  }
  transaction.commit();
}

}  // namespace registry::sqlite
