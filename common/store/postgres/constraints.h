#pragma once

#include <optional>

#include "common/base/error.h"
#include "common/store/postgres/sql_error.h"

namespace registry::postgres {

// What a violated constraint means to the caller, by SQLSTATE and the constraint's name; nothing
// for one that the operations look after themselves, whose violation is a bug.
[[nodiscard]] std::optional<Error> caller_error(const SqlError& error);

}  // namespace registry::postgres
