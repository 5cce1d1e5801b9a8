#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/migrate/session.h"
#include "tests/support/catch.h"
#include "tests/support/postgres.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"

namespace registry::test {

// The program under test, and the part of its command line after its name.
[[nodiscard]] std::string migrate_path();
using Arguments = std::vector<std::string>;

// An empty database for one test, gone with its owner.
class Database {
 public:
  Database();
  // With a name that matters to the test.
  explicit Database(const std::string& name);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string url() const { return shared_cluster().url(name_); }
  // A session that stays open, for the test to look and to prepare.
  [[nodiscard]] Session& session();
  // Waits for the end of that session in a crash of the server, and opens it anew.
  void reconnect();
  std::string sql(const std::string& script) { return session().sql(script); }

  // The sessions of others that this database has, and the rows of pg_stat_activity for them.
  static constexpr const char* kOtherSessions =
      " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
      " AND backend_type = 'client backend'";
  [[nodiscard]] int other_sessions();
  // What `schema_migrations` of the current schema holds: "3 clean", "-1 dirty", "empty", or
  // "absent" without the table.
  [[nodiscard]] std::string version();
  // The tables of all schemas but those of the migrator, sorted: "one three two".
  [[nodiscard]] std::string tables();
  // Everything that the migrator's history holds, to compare; "absent" without the table.
  [[nodiscard]] std::string history();

 private:
  std::string name_;
  std::unique_ptr<Session> session_;
};

// A run of the program that goes on beside the test.
class Run {
 public:
  Run(const Arguments& arguments, const std::string& url);

  // Returns when it has ended; the exit code is minus the number of the signal that ended it.
  [[nodiscard]] Output wait();
  [[nodiscard]] bool is_running() { return process_.is_running(); }
  // Returns once the program has taken note of the signal, or has ended, before or by it.
  void signal(int number);
  [[nodiscard]] std::string output() const { return read_file(folder_->path() + "/output"); }
  [[nodiscard]] std::string errors() const { return read_file(folder_->path() + "/errors"); }

 private:
  std::unique_ptr<TempFolder> folder_;
  Process process_;
};

// A database, a folder of migrations, and runs of the program with both.
class Migrate {
 public:
  // Without a file in the folder, the program uses the migrations it was built with.
  [[nodiscard]] Output run(const Arguments& arguments);
  // The same, for a session with other settings: "&options=…" at the end of the URL.
  [[nodiscard]] Output run_with(const std::string& url_suffix, const Arguments& arguments);
  [[nodiscard]] Run start(const Arguments& arguments);
  // The arguments with those that name the folder.
  [[nodiscard]] Arguments with_source(const Arguments& arguments) const;

  void add(const std::string& file, const std::string& text);
  void remove(const std::string& file);
  // Three migrations, which create the tables one, two and three, and their way back.
  void add_three();
  [[nodiscard]] std::string folder() const { return folder_.path(); }

  Database& database() { return database_; }
  std::string sql(const std::string& script) { return database_.sql(script); }
  std::string version() { return database_.version(); }
  std::string tables() { return database_.tables(); }
  // The table as golang-migrate makes it, with this row: "(3, false)"; without one if empty.
  void leave_as_golang_migrate(const std::string& row);

 private:
  Database database_;
  TempFolder folder_;
};

// The environment in which the program runs: nothing of the test's own.
[[nodiscard]] Environment environment_for(const std::string& url);
[[nodiscard]] Output run_migrate(const Arguments& arguments, const Environment& environment);

// A migration that contains kSql stays there until the gate opens.
class Gate {
 public:
  static constexpr const char* kSql =
      "DO $$ BEGIN\n"
      "  WHILE NOT pg_try_advisory_xact_lock(4711) LOOP PERFORM pg_sleep(0.005); END LOOP;\n"
      "END $$;\n";
  // Of the lock, to tell it from the migrator's.
  static constexpr const char* kId = "4711";

  explicit Gate(Database& database);
  // Returns once a migration has come to the gate.
  void wait_for_arrival();
  void open() { holder_.reset(); }

 private:
  Database& database_;
  std::unique_ptr<Session> holder_;
};

// For CHECK(run == exits(1)), which shows all that the program said when it fails.
struct Exit {
  int code;
};
[[nodiscard]] inline Exit exits(int code) {
  return {code};
}
[[nodiscard]] bool operator==(const Output& run, Exit exit);
std::ostream& operator<<(std::ostream& stream, const Output& run);
std::ostream& operator<<(std::ostream& stream, Exit exit);

// For CHECK(text == containing("part")), which shows both when it fails.
struct Containing {
  std::string part;
};
[[nodiscard]] inline Containing containing(std::string part) {
  return {std::move(part)};
}
[[nodiscard]] bool operator==(const std::string& text, const Containing& expected);
std::ostream& operator<<(std::ostream& stream, const Containing& expected);

// The seed of a test that makes its own random choices: new for each run, or TEST_SEED.
[[nodiscard]] std::uint32_t random_seed();

}  // namespace registry::test
