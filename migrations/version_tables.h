#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/store/postgres/connection.h"
#include "migrations/source.h"
#include "migrations/state.h"

namespace registry::migrate {

// The two tables in the current schema of a database: golang-migrate's schema_migrations with no
// row or one, and our schema_migrations_history, which may be missing. In the history is a row for
// each applied version that we know of; it goes when the version is rolled back.
//
// All that writes belongs inside a transaction of the caller's.
class VersionTables {
 public:
  // Throws Failed when the session has no current schema.
  // Each read() waits for table locks no longer than `lock_wait`.
  VersionTables(postgres::Connection& connection, std::chrono::milliseconds lock_wait);

  [[nodiscard]] const std::string& schema() const { return schema_; }
  [[nodiscard]] const std::string& database() const { return database_; }

  // Reads both tables as of one moment; missing ones are as good as empty ones. Outside of a
  // transaction. Throws Failed when schema_migrations has more than one row, or is locked.
  [[nodiscard]] State read();
  // The same, but nothing for more than one row.
  [[nodiscard]] std::optional<State> try_read();

  // Creates what is missing.
  void create();
  // Brings the history in line with `state`, which somebody else may have moved: rows of versions
  // that are not applied go, and applied ones of `source` without a row get one without a time.
  void adopt(const State& state, const Source& source);
  // Replaces the version, `from`'s, by another. Throws Failed when it is not `from`'s any more.
  void move(const State& from, std::int64_t version, bool dirty);
  // Makes this the version, whatever is there.
  void set(std::int64_t version);
  // Writes the history of a migration that went up now.
  void record(const Migration& migration, std::chrono::microseconds duration);
  void forget(std::int64_t version);
  // Drops the history of versions above `version`: they are not applied, whatever it says.
  void forget_above(std::int64_t version);
  // Takes the source's files for what was applied, where they have the same names.
  void accept(const State& state, const Source& source);

 private:
  [[nodiscard]] bool has_table(const char* name);
  [[nodiscard]] std::optional<State> read_rows();
  void insert(std::int64_t version, bool dirty);

  postgres::Connection& connection_;
  std::chrono::milliseconds lock_wait_;
  std::string schema_;
  std::string database_;
  std::string versions_;  // the tables' names, quoted and with their schema
  std::string history_;
};

// Fills in the checksums that are missing: those of a folder's migrations.
void add_checksums(postgres::Connection& connection, Source& source);

}  // namespace registry::migrate
