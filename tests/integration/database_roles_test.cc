#include <set>

#include "common/store/postgres/connection.h"
#include "tests/integration/database_fault.h"

// What the other tests rely on to find a right that is missing in migrations/grants.yaml.
namespace registry::test {

TEST_CASE("database roles: each function connects as its own, and as nobody else", "[postgres]") {
  Service service;
  HttpClient client = service.client();
  std::set<std::string> expected;
  for (const Call& call : calls_of_every_operation()) {
    CAPTURE(call.operation);
    REQUIRE(client.send(call.request).status == call.status);
    if (!needs_no_database(call.operation)) expected.insert("registry_" + call.operation);
  }
  postgres::Connection connection({.url = service.database_url(), .application_name = "test"});
  const auto rows = connection.query(
      "SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = current_database()"
      " AND application_name = 'tenant-registry'");
  std::set<std::string> seen;
  for (int row = 0; row < rows.count(); ++row) seen.insert(rows.get<std::string>(row, 0));
  REQUIRE(seen == expected);
}

}  // namespace registry::test
