#pragma once

#include "common/store/postgres/sql_error.h"
#include "common/store/store.h"

namespace registry::postgres {

// The outage that an error is. What it says to callers is without the server's words, which name
// hosts and roles.
[[nodiscard]] StoreUnavailable outage(const SqlError& error);

}  // namespace registry::postgres
