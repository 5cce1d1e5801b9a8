#include "common/store/postgres/sql_error.h"

#include <algorithm>
#include <array>
#include <utility>

namespace registry::postgres {
namespace {

struct Row {
  std::string_view beginning;  // of the SQLSTATE
  Failure failure;
};

// The first row that matches counts.
constexpr std::array kRows = {
    Row{"08", Failure::kOutage},      // connection exception
    Row{"0A000", Failure::kRetry},    // a prepared statement's plan has gone out of date
    Row{"22P05", Failure::kOutage},   // a text that the database's encoding lacks: it is not UTF-8
    Row{"23", Failure::kConstraint},  // integrity constraint violation
    Row{"25006", Failure::kOutage},   // a server that is read-only: not the primary any more
    Row{"25P03", Failure::kOutage},   // idle in a transaction for too long
    Row{"25P04", Failure::kOutage},   // transaction_timeout
    Row{"26000", Failure::kRetry},    // a prepared statement is not there
    Row{"3F000", Failure::kOutage},   // the schema of the search path is missing
    Row{"40001", Failure::kRetry},    // serialization failure
    Row{"40P01", Failure::kRetry},    // deadlock
    Row{"40", Failure::kOutage},      // rolled back otherwise, or in doubt (40003)
    Row{"42501", Failure::kOutage},   // the role lacks a privilege
    Row{"42703", Failure::kOutage},   // a column is missing: the schema is older than the program
    Row{"42704", Failure::kOutage},   // a type is missing
    Row{"42883", Failure::kOutage},   // a function is missing
    Row{"42P01", Failure::kOutage},   // a table is missing
    Row{"42P05", Failure::kRetry},    // a prepared statement is there already
    Row{"53", Failure::kOutage},      // full disk, no memory, too many connections
    Row{"55P03", Failure::kOutage},   // lock_timeout
    Row{"57014", Failure::kOutage},   // statement_timeout
    Row{"57P0", Failure::kOutage},    // shutdown, crash, starting up, database dropped
    Row{"58", Failure::kOutage},      // the server's files
    Row{"XX", Failure::kOutage},      // the server's own faults
};

std::string what_of(const ErrorReport& report) {
  if (report.sqlstate.empty()) return "postgres: " + report.message;
  return "postgres: " + report.sqlstate + ": " + report.message;
}

bool begins_with(std::string_view sqlstate, std::string_view beginning) {
  return sqlstate.substr(0, beginning.size()) == beginning;
}

}  // namespace

SqlError::SqlError(ErrorReport report)
    : std::runtime_error(what_of(report)), report_(std::move(report)) {}

Failure classify(std::string_view sqlstate) {
  if (sqlstate.empty()) return Failure::kOutage;
  const auto* const row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) {
    return begins_with(sqlstate, candidate.beginning);
  });
  return row == kRows.end() ? Failure::kBug : row->failure;
}

bool ends_connection(std::string_view sqlstate) {
  return sqlstate.empty() || begins_with(sqlstate, "08") || begins_with(sqlstate, "57P0") ||
         sqlstate == "25P03" || sqlstate == "25006";
}

}  // namespace registry::postgres
