#include "migrations/commands.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include "common/base/config.h"
#include "common/base/secret_file.h"
#include "common/store/postgres/connection.h"
#include "migrations/console.h"
#include "migrations/create.h"
#include "migrations/failure.h"
#include "migrations/lock.h"
#include "migrations/plan.h"
#include "migrations/roles.h"
#include "migrations/run_limits.h"
#include "migrations/runner.h"
#include "migrations/signals.h"
#include "migrations/source.h"
#include "migrations/sql_report.h"
#include "migrations/status.h"
#include "migrations/version_tables.h"
#include "migrations/watch.h"

namespace registry::migrate {
namespace {

using postgres::Connection;

// Where create works, seen from the repository's root.
constexpr const char* kDefaultFolder = "migrations";

// Between two attempts of wait.
constexpr std::chrono::milliseconds kConnectPause{250};

std::string database_url() {
  const auto given = secret_variable(process_environment, "DATABASE_URL");
  if (!given) throw Failed(given.error().variable + ": " + given.error().message);
  const auto& url = *given;
  if (!url) {
    throw Failed(
        "DATABASE_URL is not set; it is the database's libpq URL, or DATABASE_URL_FILE is a file "
        "with it");
  }
  if (!Connection::is_valid_url(*url)) throw Failed("DATABASE_URL is no URL that libpq can read");
  return *url;
}

// Nothing is prepared: each statement runs once or twice.
postgres::ConnectionSettings settings_for(const std::string& url) {
  postgres::ConnectionSettings settings;
  settings.url = url;
  settings.application_name = "migrate";
  settings.prepares = false;
  return settings;
}

// Whether another process of the server may answer each transaction.
bool is_pooled(Connection& connection) {
  return connection.query("SELECT pg_backend_pid()::bigint").get<std::int64_t>(0, 0) !=
         connection.backend_pid();
}

enum class Access { kRead, kChange };

Connection connected() {
  const std::string url = database_url();
  try {
    return Connection(settings_for(url));
  } catch (const postgres::SqlError& error) {
    throw Failed("can't connect to the database: " + describe(error.report()));
  }
}

// Makes a new session fit for a command. Behind a pooler, locks and settings of a session are
// whoever's comes next, so nothing is changed there, and nothing set.
Connection& prepared(Connection& connection, const Options& options, Access access) {
  if (!is_pooled(connection)) {
    reset_session(connection, options.limits, own_lock_wait(options.limits));
  } else if (access == Access::kChange) {
    throw Failed(
        "a pooler stands before the database: migrate needs a connection to the server "
        "itself");
  }
  return connection;
}

// A connection with what a command needs to know about its database.
struct Session {
  Session(const Options& options, Access access)
      : source(options.source_folder ? folder_source(*options.source_folder) : embedded_source()),
        connection(connected()),
        tables(prepared(connection, options, access), own_lock_wait(options.limits)) {
    connection.on_notice([](const std::string& message) { say(message); });
    add_checksums(connection, source);
  }

  Source source;
  Connection connection;
  VersionTables tables;
};

std::string list_of(const std::vector<Step>& steps, std::size_t first) {
  std::string list;
  for (std::size_t i = first; i < steps.size(); ++i) {
    list += (i == first ? "" : ", ") + label_of(steps[i]);
  }
  return list;
}

// A session that changes something: no other runner does meanwhile, and signals can be told.
struct Exclusive {
  explicit Exclusive(const Options& options)
      : session(options, Access::kChange),
        lock(session.connection, lock_ids(session.tables.schema(), session.tables.database()),
             options.limits.lock_timeout),
        watch(session.connection, signals) {}

  Session session;
  DatabaseLock lock;
  StopSignals signals;
  Watch watch;
};

// Runs the steps until a signal comes. Returns how many were run.
std::size_t run_steps(Exclusive& run, const std::vector<Step>& steps, const RunLimits& limits) {
  Session& session = run.session;
  Runner runner(session.connection, session.tables, session.source, run.signals, run.watch, limits);
  std::size_t done = 0;
  while (done < steps.size() && run.signals.count() == 0) {
    reset_session(session.connection, limits, own_lock_wait(limits));
    run.lock.require_held();
    runner.run(steps[done], session.tables.read());
    ++done;
  }
  return done;
}

// Names and texts would be kept in another encoding, or not at all.
void require_utf8(Connection& connection) {
  const auto encoding = connection.query("SHOW server_encoding").get<std::string>(0, 0);
  if (encoding == "UTF8") return;
  throw Failed("the database's encoding is " + encoding + "; it must be UTF8");
}

// Whether there is nothing to do because a later release has migrated the database: this one's
// functions work with it, and what it would do besides, the later one has done for its own.
bool accepts_as_newer(const Options& options, const State& state, const Source& source) {
  if (!options.accepts_newer || source.migrations().empty()) return false;
  const std::int64_t newest = source.migrations().back().version;
  if (state.version <= newest) return false;
  say("the database has version " + std::to_string(state.version) + ", of a later release than " +
      std::to_string(newest) + ": left as it is");
  return true;
}

int move(const Options& options) {
  Exclusive run(options);
  Session& session = run.session;
  const State state = session.tables.read();
  require_clean(state);
  if (accepts_as_newer(options, state, session.source)) return kExitDone;
  const Plan plan = make_plan(state, session.source, options.goal, options.allow_out_of_order);
  for (const std::string& warning : plan.warnings) say("warning: " + warning);
  for (const Step& step : plan.steps) require_runnable(step);
  if (plan.steps.empty()) {
    say("no change");
    return kExitDone;
  }
  if (plan.steps.front().direction == Direction::kUp) require_utf8(session.connection);
  const std::size_t done = run_steps(run, plan.steps, options.limits);
  if (done < plan.steps.size()) {
    say("stopped by a signal; left to run: " + list_of(plan.steps, done));
    return done > 0 ? kExitDone : kExitFailed;
  }
  if (plan.short_by > 0) throw Failed("limit " + std::to_string(plan.short_by) + " short");
  return kExitDone;
}

int down_after_asking(const Options& options) {
  if (options.asks_first) {
    if (::isatty(STDIN_FILENO) == 0) {
      throw Failed("down without a number rolls back everything: say how many, or -all");
    }
    say("Are you sure you want to apply all down migrations? [y/N]");
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "Y") throw Failed("Not applying all down migrations");
    say("Applying all down migrations");
  }
  return move(options);
}

std::string version_text(std::int64_t version, bool dirty) {
  return (version == kNoVersion ? "none" : std::to_string(version)) + (dirty ? " (dirty)" : "");
}

// Nothing but the version moves; the next run takes over what then counts as applied. To say the
// current version again is to accept the files as they are: there is nothing else it could mean.
int force(const Options& options) {
  Exclusive run(options);
  Session& session = run.session;
  const Watch::Task task(run.watch, "force");
  const std::int64_t version = options.forced_version;
  const auto from = session.tables.try_read();
  const bool accepts = from && !from->dirty && from->version == version;
  postgres::Transaction transaction(session.connection);
  session.tables.create();
  session.tables.set(version);
  session.tables.forget_above(version);
  if (accepts) session.tables.accept(*from, session.source);
  transaction.commit();
  if (version != kNoVersion && session.source.find(version) == nullptr) {
    say("warning: there is no migration with version " + std::to_string(version));
  }
  say("the version is now " + version_text(version, false) + "; it was " +
      (from ? version_text(from->version, from->dirty) : "several at once") +
      (accepts ? "; the migrations are accepted as they are" : ""));
  return kExitDone;
}

int version(const Options& options) {
  Connection connection = connected();
  VersionTables tables(prepared(connection, options, Access::kRead), own_lock_wait(options.limits));
  const State state = tables.read();
  if (state.version == kNoVersion) throw Failed("no migration");
  print(version_text(state.version, state.dirty) + "\n");
  return kExitDone;
}

int status(const Options& options) {
  Session session(options, Access::kRead);
  const State state = session.tables.read();
  const auto lines = status_lines(state, session.source);
  print(options.as_json ? status_json(state, lines) : status_text(lines));
  if (state.dirty) say(dirty_message(state));
  return state.dirty || pending_count(lines) > 0 ? kExitPending : kExitDone;
}

std::string planned_sql(const Step& step) {
  const auto& file = step.migration->file(step.direction);
  std::string text = "-- " + label_of(step) + ": ";
  if (!file) return text + "no file; the version moves\n";
  text += file->name;
  if (SqlScript(file->text).runs_outside_transaction()) text += ", outside of a transaction";
  text += "\n" + file->text;
  return text.ends_with('\n') ? text : text + "\n";
}

int plan(const Options& options) {
  Session session(options, Access::kRead);
  const State state = session.tables.read();
  if (state.dirty) say(dirty_message(state));
  const Plan plan = make_plan(state, session.source, options.goal, options.allow_out_of_order);
  for (const std::string& warning : plan.warnings) say("warning: " + warning);
  for (const Step& step : plan.steps) require_runnable(step);
  std::string text = state.dirty ? "-- " + dirty_message(state) + "\n" : "";
  for (const Step& step : plan.steps) text += planned_sql(step);
  print(text);
  if (plan.steps.empty()) say("no change");
  if (plan.short_by > 0) throw Failed("limit " + std::to_string(plan.short_by) + " short");
  return kExitDone;
}

int validate(const Options& options) {
  Session session(options, Access::kRead);
  const State state = session.tables.read();
  require_clean(state);
  if (state.version >= 0 && session.source.find(state.version) == nullptr) {
    throw Failed("no migration found for version " + std::to_string(state.version));
  }
  std::string differences;
  for (const StatusLine& line : status_lines(state, session.source)) {
    if (!line.is_edited && !line.is_missing) continue;
    differences += (differences.empty() ? "migration " : "\n  migration ") +
                   std::to_string(line.version) + " (" + line.name + ")" +
                   (line.is_edited ? " was edited since it was applied"
                                   : " is applied, but missing from this program");
  }
  if (!differences.empty()) throw Failed(differences);
  return kExitDone;
}

int wait(const Options& options) {
  const std::string url = database_url();
  const auto deadline = std::chrono::steady_clock::now() + options.wait_timeout;
  for (;;) {
    auto settings = settings_for(url);
    // One try is always made, and gets a little time.
    settings.answer_limit = std::max(
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()),
        kConnectPause);
    try {
      Connection connection(settings);
      (void)connection.query("SELECT 1");
      return kExitDone;
    } catch (const postgres::SqlError& error) {
      if (std::chrono::steady_clock::now() + kConnectPause >= deadline) {
        throw Failed("timeout: the database does not answer: " + describe(error.report()));
      }
    }
    std::this_thread::sleep_for(kConnectPause);
  }
}

// The rights are those of the embedded migrations, whatever folder there is.
int roles(const Options& options) {
  if (options.prints_only) {
    print(
        "-- For the owner of the tables, who needs CREATEROLE where a role is missing.\nBEGIN;\n" +
        roles_sql(options.role_prefix) + "COMMIT;\n");
    return kExitDone;
  }
  Options embedded = options;
  embedded.source_folder.reset();
  Exclusive run(embedded);
  Session& session = run.session;
  const Watch::Task task(run.watch, "roles");
  const State state = session.tables.read();
  require_clean(state);
  if (accepts_as_newer(options, state, session.source)) return kExitDone;
  if (pending_count(status_lines(state, session.source)) > 0) {
    throw Failed("migrations are pending, whose tables the functions need: run migrate up first");
  }
  apply_roles(session.connection, options.role_prefix);
  say(std::to_string(kFunctions.size()) + " roles " + options.role_prefix +
      "… have the rights that their functions need");
  return kExitDone;
}

}  // namespace

int run_command(const Options& options) {
  switch (options.command) {
    case Command::kUp:
    case Command::kGoto:
      return move(options);
    case Command::kDown:
      return down_after_asking(options);
    case Command::kVersion:
      return version(options);
    case Command::kForce:
      return force(options);
    case Command::kStatus:
      return status(options);
    case Command::kPlan:
      return plan(options);
    case Command::kValidate:
      return validate(options);
    case Command::kWait:
      return wait(options);
    case Command::kRoles:
      return roles(options);
    case Command::kCreate:
      say(create_migration(options.source_folder.value_or(kDefaultFolder), options.name));
      return kExitDone;
  }
  throw Failed("a command without a meaning");
}

}  // namespace registry::migrate
