#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry::test {

// A throw-away Postgres server in a temporary folder, reached through a Unix socket and a free port
// of 127.0.0.1. The binaries are those in TEST_POSTGRES_BIN, or else the newest of Debian's. As
// root it runs as another user, which initdb asks for. Each process of it ends with the test.
// Durable against the death of its processes, not against a loss of power, which is what makes it
// fast.
class PostgresCluster {
 public:
  PostgresCluster();
  // A standby: a copy of a server that runs, which follows it and takes no writes until promote().
  struct Standby {
    const PostgresCluster& of;
  };
  explicit PostgresCluster(const Standby& standby);
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;
  ~PostgresCluster();

  enum class Stop { kFast, kImmediate };
  // Returns once the server has ended; fast tells its sessions so, immediate is a crash.
  void stop(Stop how = Stop::kFast);
  // Returns once it answers; on the same port and socket as before.
  void start();
  [[nodiscard]] bool is_running();
  // Returns once a standby takes writes.
  void promote() const;

  // A libpq URL of a superuser, through the Unix socket; without a trailing parameter of ours after
  // which "&name=value" could not follow.
  [[nodiscard]] std::string url(const std::string& database = "postgres") const;
  // The same without an account: PGUSER says who connects.
  [[nodiscard]] std::string url_without_user(const std::string& database) const;
  // The same through TCP, to be listed with others in one URL: "127.0.0.1:5432".
  [[nodiscard]] std::string tcp_address() const;
  [[nodiscard]] std::string socket_folder() const;
  [[nodiscard]] int port() const { return port_; }

  // A new database with a name of its own, empty or a copy of another, which nobody may be using.
  [[nodiscard]] std::string create_database(const std::string& copy_of = "template0");
  // A new database with the registry's schema, as `migrate up` leaves it, and with the rights of
  // the functions' roles, as `migrate roles` does.
  [[nodiscard]] std::string create_registry_database();
  // Also ends the sessions that use it.
  void drop_database(const std::string& name);

  // What psql prints for a script, unaligned and without headers; throws with psql's message when
  // it fails. NOLINTNEXTLINE(modernize-use-nodiscard): for what it does as much as for what it says
  std::string sql(const std::string& database, const std::string& script) const;
  // The objects of a database, a line each, in the words of any version of Postgres.
  [[nodiscard]] std::string catalog_dump(const std::string& database) const;
  // pg_dump --schema-only without what differs between servers and runs; catalog_dump() where this
  // version comes without pg_dump.
  [[nodiscard]] std::string schema_dump(const std::string& database) const;
  // The server's log so far.
  [[nodiscard]] std::string log() const;
  // The folder of postgres and initdb; psql and pg_dump may be missing there.
  [[nodiscard]] static std::string bin_folder();
  // 15, 16, …
  [[nodiscard]] static int major_version();

 private:
  void start_on_free_port();

  TempFolder folder_;
  UniqueFd lock_;  // tells that the folder is in use
  int port_ = 0;
  std::vector<Process> server_;  // one, while it runs
  std::string migrated_;         // the database that create_registry_database() copies, once made
};

// The cluster of this test program, started on first use.
[[nodiscard]] PostgresCluster& shared_cluster();

// PgBouncer in transaction mode before one cluster, with a pool of `pool_size` server connections
// per database, each given to whichever client starts the next transaction.
class PgBouncer {
 public:
  explicit PgBouncer(const PostgresCluster& cluster, int pool_size = 4);

  [[nodiscard]] std::string url(const std::string& database) const;

 private:
  TempFolder folder_;
  int port_ = 0;
  std::vector<Process> process_;  // one
};

[[nodiscard]] PgBouncer& shared_pgbouncer();

}  // namespace registry::test
