#include "migrations/roles.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "common/store/postgres/pool.h"
#include "common/store/postgres/sql_error.h"
#include "migrations/failure.h"
#include "migrations/sql_report.h"

namespace registry::migrate {
namespace {

using postgres::SqlError;

// The server cuts a longer name, and two could become one.
// Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
constexpr std::size_t kMaxRoleNameBytes = 63;

// Roles belong to all databases of a server, and our locks to one: runs in two of them may be in
// each other's way.
constexpr int kRolesMaxAttempts = 10;
constexpr int kRolesMinPauseMs = 20;
constexpr int kRolesMaxPauseMs = 200;

constexpr std::string_view kInsufficientPrivilege = "42501";

// A role that was there in the end, or another session's change of the same row of a catalog, for
// which the server has no other code than that of an internal error.
bool is_lost_to_another_run(std::string_view sqlstate) {
  return sqlstate == "42710" || sqlstate == "23505" || sqlstate == "XX000" || sqlstate == "40001" ||
         sqlstate == "40P01";
}

std::size_t longest_function_name() {
  std::size_t longest = 0;
  for (const std::string_view function : kFunctions) longest = std::max(longest, function.size());
  return longest;
}

std::string set_local(std::string_view name, std::string_view value) {
  return std::string("SET LOCAL registry_roles.").append(name).append(" = '").append(value) +
         "';\n";
}

std::string milliseconds_text(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + "ms";
}

void attempt_roles(postgres::Connection& connection, const std::string& sql) {
  postgres::Transaction transaction(connection);
  connection.execute(sql);
  transaction.commit();
}

}  // namespace

void require_role_prefix(std::string_view prefix) {
  const std::size_t longest = kMaxRoleNameBytes - longest_function_name();
  const bool is_word =
      prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos &&
      !prefix.empty() && (prefix[0] < '0' || prefix[0] > '9');
  if (is_word && !prefix.starts_with("pg_") && prefix.size() <= longest) return;
  throw Failed("can't read --prefix \"" + std::string(prefix) + "\": it is 1 to " +
               std::to_string(longest) +
               " lower-case letters, digits and underscores, the first no digit, and not pg_");
}

// The prefix is a word in lower case, and so is a function's name: quotes are for what may be a
// word of SQL.
std::string roles_sql(std::string_view prefix) {
  std::string functions;
  for (const std::string_view function : kFunctions) {
    functions.append(functions.empty() ? "" : " ").append(function);
  }
  std::string sql = set_local("prefix", prefix) + set_local("functions", functions) +
                    set_local("statement_timeout", milliseconds_text(postgres::kStatementTimeout)) +
                    set_local("lock_timeout", milliseconds_text(postgres::kLockTimeout));
  for (const postgres::PlannerSetting& planner : postgres::kPlannerSettings) {
    sql += set_local(planner.name, planner.value);
  }
  sql.append(kRolesBeforeSql);
  for (const EmbeddedGrant& grant : kGrants) {
    sql.append("GRANT ").append(grant.rights).append(" ON ").append(grant.on);
    sql.append(" TO \"").append(prefix).append(grant.function).append("\";\n");
  }
  return sql.append(kRolesAfterSql);
}

void apply_roles(postgres::Connection& connection, std::string_view prefix) {
  const std::string sql = roles_sql(prefix);
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> pause_ms(kRolesMinPauseMs, kRolesMaxPauseMs);
  for (int attempt = 1;; ++attempt) {
    try {
      attempt_roles(connection, sql);
      return;
    } catch (const SqlError& error) {
      const bool may_go_on = attempt < kRolesMaxAttempts && connection.is_reusable();
      if (is_lost_to_another_run(error.sqlstate()) && may_go_on) {
        std::this_thread::sleep_for(std::chrono::milliseconds{pause_ms(random)});
        continue;
      }
      std::string message = "roles: " + describe(error.report());
      if (error.sqlstate() == kInsufficientPrivilege) {
        message +=
            "\n  this needs the owner of the tables and, where a role is missing, CREATEROLE;"
            "\n  whoever has both may run what `migrate roles --print` prints";
      }
      // Without an answer nobody knows.
      throw Failed(message + (error.sqlstate().empty() ? "" : "\n  nothing has changed"));
    }
  }
}

}  // namespace registry::migrate
