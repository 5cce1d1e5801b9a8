#include <limits>

#include "common/store/sqlite/connection.h"
#include "common/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace registry::sqlite {
namespace {

std::int64_t count_of(Connection& db) {
  Statement row = db.query("SELECT count(*) FROM t");
  REQUIRE(row.step());
  return row.get<std::int64_t>(0);
}

class ConnectionTest {
 protected:
  ConnectionTest() { db_.execute("CREATE TABLE t (v)"); }
  [[nodiscard]] Connection& db() { return db_; }

  template <class T>
  [[nodiscard]] T echo(const T& value) {
    Statement row = db_.query("SELECT ?1", value);
    REQUIRE(row.step());
    return row.template get<T>(0);
  }

 private:
  Connection db_{Connection::kInMemory};
};

TEST_CASE_METHOD(ConnectionTest, "Statement: every type comes back as it was bound") {
  CHECK(echo(std::string("text")) == "text");
  CHECK(echo(std::string()).empty());
  CHECK(echo(std::string("nul\0inside", 10)).size() == 10);
  CHECK(echo(std::numeric_limits<std::int64_t>::min()) == std::numeric_limits<std::int64_t>::min());
  CHECK(echo(true));
  CHECK_FALSE(echo(false));
  CHECK(echo(Timestamp{-1}) == Timestamp{-1});
  CHECK(echo(Date{2028, 2, 29}) == Date{2028, 2, 29});
  const Uuid id = *Uuid::parse("00000000-0000-0000-0000-000000000001");
  CHECK(echo(id) == id);
  CHECK(echo(std::optional<std::string>("x")) == "x");
  CHECK_FALSE(echo(std::optional<std::string>()).has_value());
  CHECK_FALSE(echo(std::optional<Date>()).has_value());
}

TEST_CASE_METHOD(ConnectionTest, "Statement: a value of another kind is not converted") {
  Statement row = db().query("SELECT NULL, 'text', 7, x'00'");
  REQUIRE(row.step());
  CHECK_THROWS_AS(row.get<std::string>(0), std::runtime_error);
  CHECK_THROWS_AS(row.get<std::int64_t>(0), std::runtime_error);
  CHECK_THROWS_AS(row.get<std::int64_t>(1), std::runtime_error);
  CHECK_THROWS_AS(row.get<Timestamp>(1), std::runtime_error);
  CHECK_THROWS_AS(row.get<Date>(1), std::runtime_error);
  CHECK_THROWS_AS(row.get<Uuid>(1), std::runtime_error);
  CHECK_THROWS_AS(row.get<std::string>(2), std::runtime_error);
  CHECK_THROWS_AS((row.get<std::array<std::uint8_t, 16>>(3)), std::runtime_error);
}

TEST_CASE_METHOD(ConnectionTest, "query: the number of values is that of the parameters") {
  CHECK_THROWS_AS(db().run("INSERT INTO t VALUES (?1)"), std::logic_error);
  CHECK_THROWS_AS(db().run("INSERT INTO t VALUES (?1)", true, true), std::logic_error);
}

TEST_CASE_METHOD(ConnectionTest, "query: a text in use is not used a second time") {
  db().run("INSERT INTO t VALUES (1), (2)");
  Statement row = db().query("SELECT v FROM t");
  REQUIRE(row.step());
  CHECK_THROWS_AS(db().query("SELECT v FROM t"), std::logic_error);
}

TEST_CASE_METHOD(ConnectionTest,
                 "query: a statement can be used again after it went, also half read") {
  db().run("INSERT INTO t VALUES (1), (2)");
  for (int i = 0; i < 3; ++i) {
    Statement row = db().query("SELECT v FROM t ORDER BY v");
    REQUIRE(row.step());
    CHECK(row.get<std::int64_t>(0) == 1);
  }
}

TEST_CASE_METHOD(ConnectionTest, "run: tells how many rows it changed") {
  CHECK(db().run("INSERT INTO t VALUES (1), (2), (2)") == 3);
  CHECK(db().run("UPDATE t SET v = 3 WHERE v = ?1", std::int64_t{2}) == 2);
  CHECK(db().run("DELETE FROM t WHERE v = ?1", std::int64_t{9}) == 0);
}

TEST_CASE_METHOD(ConnectionTest, "an error of ours is neither an outage nor a broken rule") {
  CHECK_THROWS_AS(db().run("SELECT nonsense"), std::runtime_error);
  CHECK_THROWS_AS(db().execute("nonsense"), std::runtime_error);
  CHECK(db().is_reusable());
  db().execute("CREATE UNIQUE INDEX one_of_each ON t (v); INSERT INTO t VALUES (1);");
  CHECK_THROWS_AS(db().run("INSERT INTO t VALUES (1)"), ConstraintViolation);
  CHECK(db().is_reusable());
}

TEST_CASE_METHOD(ConnectionTest, "Transaction: commit keeps, leaving without it does not") {
  {
    Transaction transaction(db());
    db().run("INSERT INTO t VALUES (1)");
    CHECK_FALSE(db().is_reusable());
  }
  CHECK(db().is_reusable());
  CHECK(count_of(db()) == 0);
  {
    Transaction transaction(db());
    db().run("INSERT INTO t VALUES (1)");
    transaction.commit();
  }
  CHECK(db().is_reusable());
  CHECK(count_of(db()) == 1);
}

TEST_CASE_METHOD(ConnectionTest, "Transaction: an exception rolls back") {
  const auto fails = [this] {
    Transaction transaction(db());
    db().run("INSERT INTO t VALUES (1)");
    db().run("INSERT INTO nowhere VALUES (1)");
  };
  CHECK_THROWS_AS(fails(), std::runtime_error);
  CHECK(db().is_reusable());
  CHECK(count_of(db()) == 0);
}

TEST_CASE_METHOD(ConnectionTest, "Transaction: a commit that is refused leaves none open") {
  db().execute(
      "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
      "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);");
  const auto fails = [this] {
    Transaction transaction(db());
    db().run("INSERT INTO child VALUES (1)");
    transaction.commit();
  };
  CHECK_THROWS_AS(fails(), ConstraintViolation);
  CHECK(db().is_reusable());
}

TEST_CASE("Connection: a locked database is an outage that the connection survives") {
  const test::TempFolder folder;
  const std::string file = folder.path() + "/test.db";
  Connection writer(file);
  writer.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (v)");
  Connection waiting(file);
  waiting.execute("PRAGMA busy_timeout = 1");
  {
    const Transaction transaction(writer);
    CHECK_THROWS_AS(Transaction(waiting), StoreUnavailable);
    CHECK(waiting.is_reusable());
    CHECK(count_of(waiting) == 0);  // readers do not wait
  }
  Transaction transaction(waiting);
  CHECK_NOTHROW(transaction.commit());
}

TEST_CASE("Connection: a database that cannot be opened is an outage") {
  const test::TempFolder folder;
  CHECK_THROWS_AS(Connection(folder.path() + "/missing/test.db"), StoreUnavailable);
}

}  // namespace
}  // namespace registry::sqlite
