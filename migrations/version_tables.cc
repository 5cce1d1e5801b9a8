#include "migrations/version_tables.h"

#include <algorithm>
#include <optional>

#include "migrations/failure.h"
#include "migrations/lock.h"
#include "migrations/run_limits.h"

namespace registry::migrate {
namespace {

std::string quoted_identifier(const std::string& identifier) {
  std::string text = "\"";
  for (const char c : identifier) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

// bytea's text form.
std::string bytea_text(const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\x";
  text.reserve(2 + 2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return text;
}

}  // namespace

VersionTables::VersionTables(postgres::Connection& connection, std::chrono::milliseconds lock_wait)
    : connection_(connection), lock_wait_(lock_wait) {
  const auto row = connection_.query("SELECT current_schema()::text, current_database()::text");
  const auto schema = row.get<std::optional<std::string>>(0, 0);
  if (!schema) throw Failed("no schema: the search_path names none that exists");
  schema_ = *schema;
  database_ = row.get<std::string>(0, 1);
  versions_ = quoted_identifier(schema_) + ".schema_migrations";
  history_ = quoted_identifier(schema_) + ".schema_migrations_history";
}

bool VersionTables::has_table(const char* name) {
  return connection_
      .query(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c"
          " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " WHERE n.nspname = $1 AND c.relname = $2)",
          schema_, name)
      .get<bool>(0, 0);
}

State VersionTables::read() {
  if (auto state = try_read()) return *std::move(state);
  throw Failed(
      "schema_migrations has more than one row: find out which is right, and say so with: "
      "migrate force V");
}

std::optional<State> VersionTables::try_read() {
  try {
    return read_rows();
  } catch (const postgres::SqlError& error) {
    if (error.sqlstate() != kLockNotAvailable) throw;
    throw Failed(
        "can't read schema_migrations: another session has locked it, and did not let go "
        "in time" +
        lock_holders(connection_));
  }
}

std::optional<State> VersionTables::read_rows() {
  const postgres::Transaction transaction(connection_);
  connection_.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  set_local_lock_wait(connection_, lock_wait_);
  State state;
  if (!has_table("schema_migrations")) return state;
  const auto version = connection_.query("SELECT version, dirty FROM " + versions_);
  if (version.count() > 1) return std::nullopt;
  if (version.count() == 1) {
    state.version = version.get<std::int64_t>(0, 0);
    state.dirty = version.get<bool>(0, 1);
  }
  if (!has_table("schema_migrations_history")) return state;
  const auto rows =
      connection_.query("SELECT version, name, checksum, applied_at, duration_us FROM " + history_ +
                        " ORDER BY version");
  for (int row = 0; row < rows.count(); ++row) {
    state.history.push_back({.version = rows.get<std::int64_t>(row, 0),
                             .name = rows.get<std::string>(row, 1),
                             .checksum = rows.get<std::string>(row, 2),
                             .applied_at = rows.get<std::optional<Timestamp>>(row, 3),
                             .duration_us = rows.get<std::optional<std::int64_t>>(row, 4)});
  }
  return state;
}

void VersionTables::create() {
  // Looked for before, because CREATE needs a privilege even where it does nothing.
  if (!has_table("schema_migrations")) {
    connection_.execute("CREATE TABLE " + versions_ +
                        " (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)");
  }
  if (!has_table("schema_migrations_history")) {
    connection_.execute("CREATE TABLE " + history_ +
                        " (version bigint NOT NULL PRIMARY KEY, name text NOT NULL,"
                        " checksum text NOT NULL, applied_at timestamptz, duration_us bigint,"
                        " applied_by text)");
  }
}

void VersionTables::adopt(const State& state, const Source& source) {
  forget_above(state.version);
  for (const std::int64_t version : applied_versions(state, source)) {
    const Migration* migration = source.find(version);
    if (migration == nullptr || find_history(state, version) != nullptr) continue;
    connection_.query(
        "INSERT INTO " + history_ + " (version, name, checksum) VALUES ($1::bigint, $2, $3)",
        version, migration->name, migration->checksum);
  }
}

void VersionTables::move(const State& from, std::int64_t version, bool dirty) {
  const auto gone = connection_.query("DELETE FROM " + versions_ + " RETURNING version, dirty");
  const std::int64_t gone_version = gone.count() == 0 ? kNoVersion : gone.get<std::int64_t>(0, 0);
  const bool gone_dirty = gone.count() != 0 && gone.get<bool>(0, 1);
  if (gone_version != from.version || gone_dirty != from.dirty) {
    throw Failed("another program changed the version meanwhile, to " +
                 std::to_string(gone_version));
  }
  // No version is no row, but for one that went wrong.
  if (version != kNoVersion || dirty) insert(version, dirty);
}

void VersionTables::set(std::int64_t version) {
  connection_.execute("DELETE FROM " + versions_);
  if (version != kNoVersion) insert(version, false);
}

void VersionTables::insert(std::int64_t version, bool dirty) {
  connection_.query(
      "INSERT INTO " + versions_ + " (version, dirty) VALUES ($1::bigint, $2::boolean)", version,
      dirty);
}

void VersionTables::record(const Migration& migration, std::chrono::microseconds duration) {
  forget(migration.version);
  connection_.query("INSERT INTO " + history_ +
                        " (version, name, checksum, applied_at, duration_us, applied_by)"
                        " VALUES ($1::bigint, $2, $3, clock_timestamp(), $4::bigint, session_user)",
                    migration.version, migration.name, migration.checksum,
                    static_cast<std::int64_t>(duration.count()));
}

void VersionTables::forget(std::int64_t version) {
  connection_.query("DELETE FROM " + history_ + " WHERE version = $1::bigint", version);
}

void VersionTables::forget_above(std::int64_t version) {
  connection_.query("DELETE FROM " + history_ + " WHERE version > $1::bigint", version);
}

void VersionTables::accept(const State& state, const Source& source) {
  for (const Migration& migration : source.migrations()) {
    const HistoryRow* row = find_history(state, migration.version);
    if (row == nullptr || row->name != migration.name) continue;
    connection_.query("UPDATE " + history_ + " SET checksum = $2 WHERE version = $1::bigint",
                      migration.version, migration.checksum);
  }
}

void add_checksums(postgres::Connection& connection, Source& source) {
  for (Migration& migration : source.migrations()) {
    if (!migration.checksum.empty()) continue;
    migration.checksum = connection
                             .query("SELECT encode(sha256($1::bytea), 'hex')",
                                    bytea_text(migration.up ? migration.up->text : std::string()))
                             .get<std::string>(0, 0);
  }
}

}  // namespace registry::migrate
