#pragma once

#include <cstddef>
#include <string>

#include "common/store/postgres/sql_error.h"
#include "migrations/sql_script.h"

namespace registry::migrate {

// Where in a file, and the statement there:
//   0002_users.up.sql:3:10: <message>
//     statement: CREATE TABLE …
[[nodiscard]] std::string at_place(const std::string& file, const SqlScript& script,
                                   std::size_t byte, const std::string& message);

// What the server said about a script: message and SQLSTATE, place, statement, and its detail, hint
// and context. `sent` is where in the script began what was sent, `first` the index of the first
// statement that was.
[[nodiscard]] std::string describe(const postgres::ErrorReport& report, const std::string& file,
                                   const SqlScript& script, std::size_t sent = 0,
                                   std::size_t first = 0);

// The same of a statement of this program: "message (SQLSTATE)".
[[nodiscard]] std::string describe(const postgres::ErrorReport& report);

}  // namespace registry::migrate
