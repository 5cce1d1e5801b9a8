#include "migrations/commands.h"

#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include "common/base/config.h"
#include "common/store/postgres/connection.h"
#include "migrations/console.h"
#include "migrations/create.h"
#include "migrations/failure.h"
#include "migrations/lock.h"
#include "migrations/plan.h"
#include "migrations/runner.h"
#include "migrations/signals.h"
#include "migrations/source.h"
#include "migrations/sql_report.h"
#include "migrations/status.h"
#include "migrations/version_tables.h"

namespace registry::migrate {
namespace {

using postgres::Connection;

// Where create works, seen from the repository's root.
constexpr const char* kDefaultFolder = "migrations";

// Between two attempts of wait.
constexpr std::chrono::milliseconds kConnectPause{250};

std::string database_url() {
  const auto url = process_environment("DATABASE_URL");
  if (!url || url->empty()) throw Failed("DATABASE_URL is not set; it is the database's libpq URL");
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

Connection connected() {
  const std::string url = database_url();
  try {
    return Connection(settings_for(url));
  } catch (const postgres::SqlError& error) {
    throw Failed("can't connect to the database: " + describe(error.report()));
  }
}

// A connection with what a command needs to know about its database.
struct Session {
  explicit Session(const Options& options)
      : source(options.source_folder ? folder_source(*options.source_folder) : embedded_source()),
        connection(connected()),
        tables(connection) {
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

// Runs the steps until a signal comes. Returns how many were run.
std::size_t run_steps(Session& session, const std::vector<Step>& steps, const RunLimits& limits,
                      StopSignals& signals) {
  Runner runner(session.connection, session.tables, session.source, signals, limits);
  std::size_t done = 0;
  while (done < steps.size() && signals.count() == 0) {
    runner.run(steps[done], session.tables.read());
    ++done;
  }
  return done;
}

int move(const Options& options) {
  Session session(options);
  const DatabaseLock lock(session.connection,
                          lock_ids(session.tables.schema(), session.tables.database()),
                          options.limits.lock_timeout);
  StopSignals signals;
  const State state = session.tables.read();
  require_clean(state);
  const Plan plan = make_plan(state, session.source, options.goal, options.allow_out_of_order);
  for (const std::string& warning : plan.warnings) say("warning: " + warning);
  for (const Step& step : plan.steps) require_runnable(step);
  if (plan.steps.empty()) {
    say("no change");
    return kExitDone;
  }
  const std::size_t done = run_steps(session, plan.steps, options.limits, signals);
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

// Nothing but the version moves; the next run takes over what then counts as applied. To say the
// current version again is to accept the files as they are: there is nothing else it could mean.
int force(const Options& options) {
  Session session(options);
  const DatabaseLock lock(session.connection,
                          lock_ids(session.tables.schema(), session.tables.database()),
                          options.limits.lock_timeout);
  StopSignals signals;
  const State from = session.tables.read();
  const bool accepts = !from.dirty && from.version == options.forced_version;
  postgres::Transaction transaction(session.connection);
  session.tables.create();
  session.tables.move(from, options.forced_version, false);
  session.tables.forget_above(options.forced_version);
  if (accepts) session.tables.accept(from, session.source);
  transaction.commit();
  return kExitDone;
}

int version() {
  Connection connection = connected();
  const State state = VersionTables(connection).read();
  if (state.version == kNoVersion) throw Failed("no migration");
  print(std::to_string(state.version) + (state.dirty ? " (dirty)\n" : "\n"));
  return kExitDone;
}

int status(const Options& options) {
  Session session(options);
  const State state = session.tables.read();
  const auto lines = status_lines(state, session.source);
  print(options.as_json ? status_json(state, lines) : status_text(lines));
  if (state.dirty) say(dirty_message(state));
  return pending_count(lines) > 0 ? kExitPending : kExitDone;
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
  Session session(options);
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
  Session session(options);
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
    try {
      Connection connection(settings_for(url));
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

}  // namespace

int run_command(const Options& options) {
  switch (options.command) {
    case Command::kUp:
    case Command::kGoto:
      return move(options);
    case Command::kDown:
      return down_after_asking(options);
    case Command::kVersion:
      return version();
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
    case Command::kCreate:
      say(create_migration(options.source_folder.value_or(kDefaultFolder), options.name));
      return kExitDone;
  }
  throw Failed("a command without a meaning");
}

}  // namespace registry::migrate
