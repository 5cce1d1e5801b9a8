#include "tests/support/postgres.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/store/postgres/connection.h"
#include "tests/support/log_search.h"
#include "tests/support/postgres_catalog.h"
#include "tests/support/service.h"
#include "tests/support/socket.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

using postgres::Connection;
using postgres::SqlError;

constexpr const char* kDebianFolder = "/usr/lib/postgresql";
constexpr const char* kPgBouncer = "/usr/sbin/pgbouncer";
constexpr const char* kSuperuser = "registry";
constexpr int kServerPortTries = 5;
// What a cluster takes at most: 40 MB when new, its log of 200 MB, and 8 MB per database.
constexpr std::uint64_t kClusterBytes = std::uint64_t{1} << 30U;

// Where a database is made in 25 ms. On a disk that others use as well it takes ten times as long,
// with fsync off too; but a container's /dev/shm may be small.
std::filesystem::path fast_folder() {
  static const char* const kInMemory = "/dev/shm";
  struct statvfs room {};
  const bool fits = ::access(kInMemory, W_OK) == 0 && ::statvfs(kInMemory, &room) == 0 &&
                    std::uint64_t{room.f_bavail} * room.f_frsize >= kClusterBytes;
  return fits ? kInMemory : std::filesystem::temp_directory_path();
}

// A folder in use holds a lock, which goes with the test however that ends.
UniqueFd lock_folder(const std::string& folder) {
  const std::string unseen = folder + "/lock.new";
  UniqueFd lock(::open(unseen.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    throw std::system_error(errno, std::generic_category(), "lock " + folder);
  }
  std::filesystem::rename(unseen, folder + "/lock");
  return lock;
}

// Removes what tests that were killed have left: in memory it would stay until the next boot.
void remove_abandoned_folders() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(fast_folder(), ignored)) {
    if (entry.path().filename().string().rfind("registry-test-", 0) != 0) continue;
    const UniqueFd lock(::open((entry.path() / "lock").c_str(), O_RDWR | O_CLOEXEC));
    if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
}

// The account that a server runs as: ours, unless we are root, whom servers refuse.
struct Account {
  std::string name;  // empty: ours
  uid_t uid = 0;
  gid_t gid = 0;
};

Account server_account() {
  if (::geteuid() != 0) return {};
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = ::getpwnam(name)) {
      return {.name = name, .uid = entry->pw_uid, .gid = entry->pw_gid};
    }
  }
  throw std::runtime_error("there is neither a user postgres nor nobody to run a server as");
}

// A command of that account, which is ended when the thread that started it ends: that is the main
// thread, as a rule.
std::vector<std::string> as_server(const std::vector<std::string>& command) {
  const Account account = server_account();
  std::vector<std::string> wrapped = {"/usr/bin/setpriv", "--pdeathsig", "QUIT"};
  if (!account.name.empty()) {
    wrapped.insert(wrapped.end(), {"--reuid", std::to_string(account.uid), "--regid",
                                   std::to_string(account.gid), "--clear-groups"});
  }
  wrapped.emplace_back("--");
  wrapped.insert(wrapped.end(), command.begin(), command.end());
  return wrapped;
}

void give_to_server(const std::string& path) {
  const Account account = server_account();
  if (account.name.empty()) return;
  if (::chown(path.c_str(), account.uid, account.gid) != 0 || ::chmod(path.c_str(), 0755) != 0) {
    throw std::system_error(errno, std::generic_category(), "chown " + path);
  }
}

std::string newest_of_debian() {
  long newest = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kDebianFolder, none)) {
    newest = std::max(newest, std::strtol(entry.path().filename().c_str(), nullptr, 10));
  }
  return std::string(kDebianFolder) + "/" + std::to_string(newest) + "/bin";
}

// The program of this version, or Debian's where the version comes without one.
std::string program(const std::string& name) {
  const std::string path = PostgresCluster::bin_folder() + "/" + name;
  return std::filesystem::exists(path) ? path : newest_of_debian() + "/" + name;
}

std::string run_or_throw(const Command& command, const std::string& input = {}) {
  const Output output = run_program(command, input);
  if (output.exit_code != 0) {
    throw std::runtime_error(command.arguments.back() + ": " + output.errors + output.output);
  }
  return output.output;
}

Connection connect(const std::string& url) {
  return Connection({.url = url, .application_name = "test"});
}

bool is_answering(const std::string& url) {
  try {
    const Connection connection = connect(url);
    return true;
  } catch (const SqlError&) {
    return false;
  }
}

std::string url_of(const std::string& folder, int port, const std::string& database) {
  return "postgresql:///" + database + "?host=" + folder + "&port=" + std::to_string(port);
}

std::string new_database_name() {
  static std::atomic<int> count{0};
  return "test_" + std::to_string(++count);
}

// Lines of pg_dump that say nothing about the schema and differ between servers or runs.
bool is_noise(const std::string& line) {
  const auto begins_with = [&](std::string_view text) { return line.rfind(text, 0) == 0; };
  return line.empty() || begins_with("--") || begins_with("SET ") || begins_with("\\restrict") ||
         begins_with("\\unrestrict") || begins_with("SELECT pg_catalog.set_config");
}

}  // namespace

PostgresCluster::PostgresCluster() : folder_(fast_folder()), lock_(lock_folder(folder_.path())) {
  remove_abandoned_folders();
  give_to_server(folder_.path());
  run_or_throw({.arguments = as_server({program("initdb"), "--pgdata", folder_.path() + "/data",
                                        "--username", kSuperuser, "--auth", "trust", "--no-sync",
                                        "--encoding", "UTF8", "--locale", "C.UTF-8"})});
  start_on_free_port();
}

// As pg_basebackup does, which not every version comes with. Source:
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
PostgresCluster::PostgresCluster(const Standby& standby)
    : folder_(fast_folder()), lock_(lock_folder(folder_.path())) {
  const std::string data = folder_.path() + "/data";
  give_to_server(folder_.path());
  Connection primary = connect(standby.of.url());
  primary.execute("SELECT pg_backup_start('standby', fast => true)");
  // It fails when a file goes meanwhile, which does no harm; whether all is there shows at the
  // start.
  static_cast<void>(run_program(
      {.arguments = as_server({"/bin/cp", "-rp", standby.of.folder_.path() + "/data", data})}));
  const auto label =
      primary.query("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)");
  write_file(data + "/backup_label", label.get<std::string>(0, 0));
  write_file(data + "/standby.signal", "");
  write_file(data + "/postgresql.auto.conf", "primary_conninfo = '" + standby.of.url("") + "'\n");
  for (const char* file : {"/backup_label", "/standby.signal"}) give_to_server(data + file);
  std::filesystem::remove(data + "/postmaster.pid");
  start_on_free_port();
}

void PostgresCluster::start_on_free_port() {
  for (int attempt = 1;; ++attempt) {
    port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == kServerPortTries) throw;  // else somebody else took the port
    }
  }
}

PostgresCluster::~PostgresCluster() {
  try {
    if (is_running()) stop(Stop::kImmediate);
  } catch (const std::exception&) {
    server_.clear();  // which kills it
  }
  search_log("a server", log());
}

void PostgresCluster::stop(Stop how) {
  server_.at(0).signal(how == Stop::kFast ? SIGINT : SIGQUIT);
  [[maybe_unused]] const int result = server_.at(0).wait();
  server_.clear();
}

void PostgresCluster::start() {
  server_.clear();
  std::vector<std::string> arguments = {
      program("postgres"), "-D", folder_.path() + "/data", "-k", folder_.path(), "-h",
      "127.0.0.1",         "-p", std::to_string(port_)};
  for (const char* setting : {"fsync=off", "full_page_writes=off", "max_connections=200",
                              "shared_buffers=32MB", "max_wal_size=128MB", "log_checkpoints=off",
                              "autovacuum=off", "dynamic_shared_memory_type=mmap"}) {
    arguments.insert(arguments.end(), {"-c", setting});
  }
  server_.emplace_back(
      Command{.arguments = as_server(arguments), .error_path = folder_.path() + "/log"});
  wait_until("the start of postgres",
             [&] { return !server_.front().is_running() || is_answering(url()); });
  if (!server_.front().is_running()) throw std::runtime_error("postgres does not start: " + log());
}

bool PostgresCluster::is_running() {
  return !server_.empty() && server_.front().is_running();
}

void PostgresCluster::promote() const {
  // Waits for it.
  if (sql("postgres", "SELECT pg_promote()") != "t\n") {
    throw std::runtime_error("the standby cannot be promoted: " + log());
  }
}

std::string PostgresCluster::url(const std::string& database) const {
  return url_without_user(database) + "&user=" + kSuperuser;
}

std::string PostgresCluster::url_without_user(const std::string& database) const {
  return url_of(folder_.path(), port_, database);
}

std::string PostgresCluster::tcp_address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

std::string PostgresCluster::socket_folder() const {
  return folder_.path();
}

std::string PostgresCluster::create_database(const std::string& copy_of) {
  std::string name = new_database_name();
  connect(url()).execute("CREATE DATABASE " + name + " TEMPLATE " + copy_of + "");
  return name;
}

std::string PostgresCluster::create_registry_database() {
  if (migrated_.empty()) {
    const std::string name = create_database();
    for (const char* command : {"up", "roles"}) {
      run_or_throw({.arguments = {build_folder() + "/migrations/migrate", command},
                    .environment = {{"DATABASE_URL", url(name)}}});
    }
    // So that nobody is in the way when it is copied, not even autovacuum.
    connect(url()).execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
    migrated_ = name;
  }
  return create_database(migrated_);
}

// DROP DATABASE WITH (FORCE) ends the sessions, too, but then looks for them every 100 ms only:
// half of the time of a test behind PgBouncer, which keeps its sessions.
void PostgresCluster::drop_database(const std::string& name) {
  Connection session = connect(url());
  session.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
  const auto others = [&] {
    return session.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name);
  };
  wait_until("the end of the sessions in " + name, [&] { return others().count() == 0; });
  session.execute("DROP DATABASE " + name);
}

std::string PostgresCluster::sql(const std::string& database, const std::string& script) const {
  return run_or_throw({.arguments = {program("psql"), "-X", "-q", "-A", "-t", "-v",
                                     "ON_ERROR_STOP=1", "-f", "-", url(database)}},
                      script);
}

std::string PostgresCluster::catalog_dump(const std::string& database) const {
  return sql(database, kDescribeCatalog);
}

std::string PostgresCluster::schema_dump(const std::string& database) const {
  // Debian's refuses a newer server.
  if (!std::filesystem::exists(bin_folder() + "/pg_dump")) return catalog_dump(database);
  std::istringstream lines(run_or_throw(
      {.arguments = {program("pg_dump"), "--schema-only", "--no-owner", url(database)}}));
  std::string dump;
  for (std::string line; std::getline(lines, line);) {
    if (!is_noise(line)) dump += line + "\n";
  }
  return dump;
}

std::string PostgresCluster::log() const {
  return read_file(folder_.path() + "/log");
}

std::string PostgresCluster::bin_folder() {
  if (const char* given = std::getenv("TEST_POSTGRES_BIN")) return given;
  return newest_of_debian();
}

int PostgresCluster::major_version() {
  static const int kVersion = [] {
    const std::string line = run_or_throw({.arguments = {program("postgres"), "--version"}});
    return std::stoi(line.substr(line.find_first_of("0123456789")));
  }();
  return kVersion;
}

PostgresCluster& shared_cluster() {
  static PostgresCluster cluster;
  return cluster;
}

PgBouncer::PgBouncer(const PostgresCluster& cluster, int pool_size) : port_(free_port()) {
  give_to_server(folder_.path());
  const std::string configuration = folder_.path() + "/pgbouncer.ini";
  write_file(configuration, "[databases]\n* = host=" + cluster.socket_folder() +
                                " port=" + std::to_string(cluster.port()) + " user=" + kSuperuser +
                                "\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = " +
                                folder_.path() + "\nlisten_port = " + std::to_string(port_) +
                                "\nauth_type = any\nadmin_users = " + kSuperuser +
                                "\npool_mode = transaction\nserver_round_robin = 1\n"
                                "max_client_conn = 500\ndefault_pool_size = " +
                                std::to_string(pool_size) + "\n");
  ::chmod(configuration.c_str(), 0644);
  process_.emplace_back(Command{.arguments = as_server({kPgBouncer, "-q", configuration}),
                                .error_path = folder_.path() + "/log"});
  wait_until("the start of pgbouncer", [&] {
    if (!process_.front().is_running()) {
      throw std::runtime_error("pgbouncer does not start: " + read_file(folder_.path() + "/log"));
    }
    return is_answering(url("postgres"));
  });
}

std::string PgBouncer::url(const std::string& database) const {
  return url_of(folder_.path(), port_, database) + "&user=" + kSuperuser;
}

PgBouncer& shared_pgbouncer() {
  static PgBouncer pgbouncer(shared_cluster());
  return pgbouncer;
}

}  // namespace registry::test
