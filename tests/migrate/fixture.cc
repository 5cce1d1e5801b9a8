#include "tests/migrate/fixture.h"

#include <cstdlib>
#include <filesystem>
#include <ostream>
#include <random>
#include <sstream>
#include <stdexcept>

#include "tests/support/service.h"

namespace registry::test {
namespace {

std::string option_for_folder(const std::string& folder) {
  return std::filesystem::is_empty(folder) ? "" : folder;
}

Command command_for(const Arguments& arguments, const Environment& environment) {
  Command command{.arguments = {migrate_path()}, .environment = environment};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  return command;
}

// The process-directed signals that a process has not taken yet, as /proc writes them.
bool has_pending_signal(pid_t pid) {
  std::istringstream lines(read_file("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("ShdPnd:", 0) != 0) continue;
    return line.find_first_not_of("0 \t", line.find(':') + 1) != std::string::npos;
  }
  return false;
}

}  // namespace

std::string migrate_path() {
  return build_folder() + "/migrations/migrate";
}

Environment environment_for(const std::string& url) {
  return {{"DATABASE_URL", url},
          {"LC_ALL", "C"},
          {"TZ", "UTC"},
          // In seconds. Twenty runs at once may keep a busy machine's server from answering.
          {"PGCONNECT_TIMEOUT", "30"}};
}

Output run_migrate(const Arguments& arguments, const Environment& environment) {
  return run_program(command_for(arguments, environment));
}

Database::Database() : name_(shared_cluster().create_database()) {}

Database::Database(const std::string& name) : name_(name) {
  shared_cluster().sql("postgres", "CREATE DATABASE " + name + " TEMPLATE template0");
}

Database::~Database() {
  session_.reset();
  try {
    shared_cluster().drop_database(name_);
  } catch (const std::exception&) {  // the server is down, for the test has failed
  }
}

Session& Database::session() {
  if (!session_) session_ = std::make_unique<Session>(url());
  return *session_;
}

void Database::reconnect() {
  wait_until("the end of the session in the crash", [&] {
    try {
      sql("SELECT 1");
      return false;
    } catch (const std::exception&) {
      return true;
    }
  });
  wait_until("the server to answer again", [&] {
    try {
      session_ = std::make_unique<Session>(url());
      return sql("SELECT NOT pg_is_in_recovery()") == "t";
    } catch (const std::exception&) {
      return false;
    }
  });
}

int Database::other_sessions() {
  return std::stoi(sql("SELECT count(*)" + std::string(kOtherSessions)));
}

std::string Database::version() {
  if (sql("SELECT to_regclass('schema_migrations')").empty()) return "absent";
  return sql(
      "SELECT coalesce(string_agg(version || CASE WHEN dirty THEN ' dirty' ELSE ' clean' END,"
      " ', '), 'empty') FROM schema_migrations");
}

std::string Database::tables() {
  return sql(
      "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables"
      " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
      " AND tablename NOT IN ('schema_migrations', 'schema_migrations_history')");
}

std::string Database::history() {
  if (sql("SELECT to_regclass('schema_migrations_history')").empty()) return "absent";
  return sql("SELECT h::text FROM schema_migrations_history h ORDER BY 1");
}

Run::Run(const Arguments& arguments, const std::string& url)
    : folder_(std::make_unique<TempFolder>()), process_([&] {
        Command command = command_for(arguments, environment_for(url));
        command.output_path = folder_->path() + "/output";
        command.error_path = folder_->path() + "/errors";
        return command;
      }()) {}

Output Run::wait() {
  const int exit_code = process_.wait();
  return {.exit_code = exit_code, .output = output(), .errors = errors()};
}

void Run::signal(int number) {
  // Until then it is a copy of this process, with its handlers.
  const std::string link = "/proc/" + std::to_string(process_.pid()) + "/exe";
  wait_until("the start of the program", [&] {
    std::error_code ignored;
    return !process_.is_running() ||
           std::filesystem::read_symlink(link, ignored).filename() == "migrate";
  });
  if (!process_.is_running()) return;
  process_.signal(number);
  wait_until("the program to take the signal",
             [&] { return !process_.is_running() || !has_pending_signal(process_.pid()); });
}

Output Migrate::run(const Arguments& arguments) {
  return run_with("", arguments);
}

Output Migrate::run_with(const std::string& url_suffix, const Arguments& arguments) {
  return run_migrate(with_source(arguments), environment_for(database_.url() + url_suffix));
}

Run Migrate::start(const Arguments& arguments) {
  return {with_source(arguments), database_.url()};
}

Arguments Migrate::with_source(const Arguments& arguments) const {
  const std::string folder = option_for_folder(folder_.path());
  Arguments all = arguments;
  if (!folder.empty()) all.insert(all.end(), {"--source", folder});
  return all;
}

void Migrate::add(const std::string& file, const std::string& text) {
  write_file(folder_.path() + "/" + file, text);
}

void Migrate::remove(const std::string& file) {
  std::filesystem::remove(folder_.path() + "/" + file);
}

void Migrate::add_three() {
  for (const std::string name : {"1_one", "2_two", "3_three"}) {
    const std::string table = name.substr(2);
    add("000" + name + ".up.sql", "CREATE TABLE " + table + " (id bigint);\n");
    add("000" + name + ".down.sql", "DROP TABLE " + table + ";\n");
  }
}

void Migrate::leave_as_golang_migrate(const std::string& row) {
  sql("CREATE TABLE IF NOT EXISTS schema_migrations"
      " (version bigint not null primary key, dirty boolean not null)");
  if (!row.empty()) sql("INSERT INTO schema_migrations (version, dirty) VALUES " + row);
}

Gate::Gate(Database& database)
    : database_(database), holder_(std::make_unique<Session>(database.url())) {
  holder_->sql("SELECT pg_advisory_lock(" + std::string(kId) + ")");
}

void Gate::wait_for_arrival() {
  wait_until("a migration at the gate", [&] {
    return database_.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
               " AND state = 'active' AND wait_event = 'PgSleep' AND query LIKE '%" +
               std::string(kId) + "%'") != "0";
  });
}

bool operator==(const Output& run, Exit exit) {
  return run.exit_code == exit.code;
}

std::ostream& operator<<(std::ostream& stream, const Output& run) {
  return stream << "exit " << run.exit_code << "\nstdout: " << run.output
                << "\nstderr: " << run.errors;
}

std::ostream& operator<<(std::ostream& stream, Exit exit) {
  return stream << "exit " << exit.code;
}

bool operator==(const std::string& text, const Containing& expected) {
  return text.find(expected.part) != std::string::npos;
}

std::ostream& operator<<(std::ostream& stream, const Containing& expected) {
  return stream << "containing \"" << expected.part << '"';
}

std::uint32_t random_seed() {
  const char* given = std::getenv("TEST_SEED");
  return given != nullptr ? static_cast<std::uint32_t>(std::stoul(given)) : std::random_device()();
}

}  // namespace registry::test
