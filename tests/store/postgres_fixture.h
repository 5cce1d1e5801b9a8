#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/store/postgres/postgres_store.h"
#include "tests/support/catch.h"
#include "tests/support/postgres.h"

namespace registry::test {

// A fresh database with the registry's schema, a session of the test's own in it, and stores.
class PostgresTest {
 public:
  PostgresTest() = default;
  PostgresTest(const PostgresTest&) = delete;
  PostgresTest& operator=(const PostgresTest&) = delete;
  ~PostgresTest() {
    db_.reset();
    shared_cluster().drop_database(name_);
  }

 protected:
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string url() const { return shared_cluster().url(name_); }
  [[nodiscard]] postgres::Connection& db() { return *db_; }

  // The single value of a query.
  template <class T = std::int64_t, class... Values>
  [[nodiscard]] T value(std::string_view sql, const Values&... values) {
    const auto rows = db().query(sql, values...);
    REQUIRE(rows.count() == 1);
    return rows.template get<T>(0, 0);
  }

  // The sessions of this database without the test's own.
  [[nodiscard]] std::int64_t sessions() {
    return value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
  }

  // Returns once the server has ended them.
  void end_sessions() {
    db().execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()");
  }

 private:
  std::string name_ = shared_cluster().create_registry_database();
  std::unique_ptr<postgres::Connection> db_ = std::make_unique<postgres::Connection>(
      postgres::ConnectionSettings{.url = shared_cluster().url(name_), .application_name = "test"});
};

[[nodiscard]] inline postgres::PostgresStore store_at(const std::string& url,
                                                      int max_connections = 2) {
  return postgres::PostgresStore(std::make_shared<postgres::Pool>(url, max_connections));
}

// What operators are told; empty when the store answers.
template <class Operation>
[[nodiscard]] std::string outage_of(const Operation& operation) {
  try {
    static_cast<void>(operation());
    return "";
  } catch (const StoreUnavailable& outage) {
    return outage.what();
  }
}

}  // namespace registry::test
