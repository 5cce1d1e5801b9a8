#pragma once

#include <string_view>

#include "common/base/time.h"
#include "common/store/sqlite/connection.h"

namespace registry::sqlite {

// The version of the schema that this program reads and writes.
inline constexpr int kSchemaVersion = 3;

// The scripts that make each version from the one before, embedded by the build.
extern const std::string_view kSchemaSql;   // schema.sql, which stays as it is
extern const std::string_view kSchema2Sql;  // schema_2.sql
extern const std::string_view kSchema3Sql;  // schema_3.sql

// The version that a database has now (PRAGMA user_version); 0 for an empty one.
[[nodiscard]] int schema_version(Connection& db);

// Makes a database ready for use: write-ahead logging, and the schema created or upgraded in place,
// with the tenant acme seeded at `now` when it is created. Any number of processes may call it at
// once on the same file: one does the work, all return with it done.
// Throws StoreUnavailable when the schema is newer than kSchemaVersion; the file is then untouched.
void prepare_database(Connection& db, Timestamp now);

}  // namespace registry::sqlite
