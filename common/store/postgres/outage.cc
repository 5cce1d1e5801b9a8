#include "common/store/postgres/outage.h"

#include <string>

namespace registry::postgres {

StoreUnavailable outage(const SqlError& error) {
  const std::string summary = error.sqlstate().empty() ? "There is no connection to the database."
                                                       : "The database answers with SQLSTATE " +
                                                             std::string(error.sqlstate()) + ".";
  return {error.what(), summary};
}

}  // namespace registry::postgres
