#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace registry::postgres {

// What the server said when it refused a statement, or what went wrong when it said nothing.
// Source: https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD
struct ErrorReport {
  std::string sqlstate = {};  // five characters; empty: no answer, the connection is lost
  std::string message = {};
  std::string detail = {};
  std::string hint = {};
  std::string context = {};
  std::string constraint = {};   // of an integrity violation: its name
  int position_characters = 0;   // of the mistake in the SQL text, from 1; 0: unknown
  int completed_statements = 0;  // of a script: how many went well before this one
};

class SqlError : public std::runtime_error {
 public:
  // The text is for the log of an operator: it holds SQLSTATE and message, never a value of a row.
  explicit SqlError(ErrorReport report);

  [[nodiscard]] const ErrorReport& report() const { return report_; }
  [[nodiscard]] std::string_view sqlstate() const { return report_.sqlstate; }

 private:
  ErrorReport report_;
};

// What a failure means to whoever ran the statement.
enum class Failure {
  kRetry,       // the transaction lost against another one and did nothing: run it again
  kOutage,      // the database cannot answer now, or has not the schema that this program needs
  kConstraint,  // a rule of the schema refused a write
  kBug,
};

// The one table of SQLSTATEs. Source:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
[[nodiscard]] Failure classify(std::string_view sqlstate);

// Whether a connection is of no use any more after this error: it is gone, going, or leads to a
// server that is not the one to write to.
[[nodiscard]] bool ends_connection(std::string_view sqlstate);

}  // namespace registry::postgres
