#include <chrono>
#include <functional>
#include <limits>
#include <stdexcept>

#include "common/store/postgres/connection.h"
#include "common/store/postgres/pool.h"
#include "common/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/postgres.h"
#include "tests/support/wait.h"

// What the classes over libpq promise, on a server of the real kind.
namespace registry::test {
namespace {

using postgres::ArrayText;
using postgres::Connection;
using postgres::ConnectionSettings;
using postgres::Rows;
using postgres::SqlError;
using postgres::Transaction;

ConnectionSettings settings() {
  return {.url = shared_cluster().url(), .application_name = "connection test"};
}

// Runs `work` and gives the error that it must end with.
template <class Work>
postgres::ErrorReport error_of(const Work& work) {
  try {
    work();
  } catch (const SqlError& error) {
    return error.report();
  }
  FAIL("nothing was refused");
  return {};
}

std::int64_t prepared_count(Connection& db) {
  return db.query("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
      .get<std::int64_t>(0, 0);
}

void terminate(std::int64_t pid) {
  Connection other(settings());
  static_cast<void>(other.query("SELECT pg_terminate_backend($1::integer)", pid));
}

std::int64_t pid_of(Connection& db) {
  return db.query("SELECT pg_backend_pid()").get<std::int64_t>(0, 0);
}

TEST_CASE("Connection: values of each type come as they are stored", "[postgres]") {
  Connection db(settings());
  const Rows rows = db.query(
      "SELECT 'ä'::text, (-2)::int2, (-3)::int4, 9223372036854775807::int8, true, false,"
      " '2026-05-19T10:10:15.123456Z'::timestamptz, '1999-12-31'::date,"
      " '00000000-0000-0000-0000-00000000000a'::uuid, NULL::text, NULL::timestamptz");
  REQUIRE(rows.count() == 1);
  CHECK(rows.get<std::string>(0, 0) == "ä");
  CHECK(rows.get<std::int64_t>(0, 1) == -2);
  CHECK(rows.get<std::int64_t>(0, 2) == -3);
  CHECK(rows.get<std::int64_t>(0, 3) == std::numeric_limits<std::int64_t>::max());
  CHECK(rows.get<bool>(0, 4));
  CHECK_FALSE(rows.get<bool>(0, 5));
  CHECK(rows.get<Timestamp>(0, 6).to_string() == "2026-05-19T10:10:15.123456Z");
  CHECK(rows.get<Date>(0, 7).to_string() == "1999-12-31");
  CHECK(rows.get<Uuid>(0, 8).to_string() == "00000000-0000-0000-0000-00000000000a");
  CHECK_FALSE(rows.get<std::optional<std::string>>(0, 9));
  CHECK_FALSE(rows.get<std::optional<Timestamp>>(0, 10));
}

TEST_CASE("Connection: infinite moments and days become the first and last that have a text",
          "[postgres]") {
  Connection db(settings());
  const Rows rows = db.query(
      "SELECT 'infinity'::timestamptz, '-infinity'::timestamptz, 'infinity'::date,"
      " '-infinity'::date, '4000-01-01 BC'::date, '9999-12-31T23:59:59.999999Z'::timestamptz");
  CHECK(rows.get<Timestamp>(0, 0).to_string() == "9999-12-31T23:59:59.999999Z");
  CHECK(rows.get<Timestamp>(0, 1).to_string() == "0001-01-01T00:00:00.000000Z");
  CHECK(rows.get<Date>(0, 2).to_string() == "9999-12-31");
  CHECK(rows.get<Date>(0, 3).to_string() == "0001-01-01");
  CHECK(rows.get<Date>(0, 4).to_string() == "0001-01-01");
  CHECK(rows.get<Timestamp>(0, 5).to_string() == "9999-12-31T23:59:59.999999Z");
}

TEST_CASE("Connection: times do not depend on the session's zone and style", "[postgres]") {
  ConnectionSettings zoned = settings();
  zoned.url += "&options=-c%20timezone%3DAsia/Kathmandu%20-c%20datestyle%3DSQL,DMY";
  Connection db(zoned);
  const auto moment = *Timestamp::parse("2026-03-04T05:06:07.000008Z");
  const auto day = *Date::parse("2026-03-04");
  const Rows rows = db.query("SELECT $1::timestamptz, $2::date", moment, day);
  CHECK(rows.get<Timestamp>(0, 0) == moment);
  CHECK(rows.get<Date>(0, 1) == day);
}

TEST_CASE("Connection: lists of texts go and come whole", "[postgres]") {
  Connection db(settings());
  const std::vector<std::string> texts = {"plain", "",   "with \"quotes\"", "back\\slash", "{a,b}",
                                          "NULL",  " ü "};
  CHECK(db.query("SELECT $1::text[]", texts).get<std::vector<std::string>>(0, 0) == texts);
  CHECK(db.query("SELECT '{}'::text[]").get<std::vector<std::string>>(0, 0).empty());
  CHECK_THROWS_AS(db.query("SELECT ARRAY['a', NULL]").get<std::vector<std::string>>(0, 0),
                  std::runtime_error);
}

TEST_CASE("Connection: a list may have gaps, which are no texts", "[postgres]") {
  Connection db(settings());
  ArrayText array;
  array.add("NULL");
  array.add(std::optional<std::string>());
  array.add(std::optional<std::string>(""));
  array.add(*Uuid::parse("00000000-0000-0000-0000-00000000000a"));
  array.add(*Timestamp::parse("2026-03-04T05:06:07.000008Z"));
  const Rows rows =
      db.query("SELECT t FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n", array);
  REQUIRE(rows.count() == 5);
  CHECK(rows.get<std::optional<std::string>>(0, 0) == "NULL");
  CHECK(rows.get<std::optional<std::string>>(1, 0) == std::nullopt);
  CHECK(rows.get<std::optional<std::string>>(2, 0) == "");
  CHECK(rows.get<std::optional<std::string>>(3, 0) == "00000000-0000-0000-0000-00000000000a");
  CHECK(rows.get<std::optional<std::string>>(4, 0) == "2026-03-04T05:06:07.000008Z");
  CHECK(db.query("SELECT cardinality($1::text[])", ArrayText()).get<std::int64_t>(0, 0) == 0);
}

TEST_CASE("Connection: a value of another type is refused, not guessed", "[postgres]") {
  Connection db(settings());
  const Rows rows = db.query("SELECT 1::int4, NULL::int4");
  CHECK_THROWS_AS(rows.get<bool>(0, 0), std::runtime_error);
  CHECK_THROWS_AS(rows.get<Uuid>(0, 0), std::runtime_error);
  CHECK_THROWS_AS(rows.get<std::int64_t>(0, 1), std::runtime_error);
  CHECK_THROWS_AS(rows.get<std::int64_t>(1, 0), std::logic_error);
  CHECK_THROWS_AS(rows.get<std::int64_t>(0, 2), std::logic_error);
}

TEST_CASE("Connection: a text with a zero byte is never sent cut off", "[postgres]") {
  Connection db(settings());
  const std::string text("a\0b", 3);
  CHECK_THROWS_AS(db.query("SELECT $1::text", text), std::logic_error);
  CHECK(db.is_reusable());
}

TEST_CASE("Connection: an error says its SQLSTATE and constraint, and the session goes on",
          "[postgres]") {
  Connection db(settings());
  db.execute("CREATE TEMP TABLE t (id integer CONSTRAINT t_is_small CHECK (id < 10))");
  const auto report = error_of([&] { db.query("INSERT INTO t VALUES ($1)", 10); });
  CHECK(report.sqlstate == "23514");
  CHECK(report.constraint == "t_is_small");
  CHECK(db.is_reusable());
  CHECK(db.query("INSERT INTO t VALUES ($1)", 9).affected() == 1);
}

TEST_CASE("Connection: a statement is prepared once, also when its first use fails", "[postgres]") {
  Connection db(settings());
  const std::string_view sql = "SELECT 1 / $1::integer";
  CHECK(error_of([&] { db.query(sql, 0); }).sqlstate == "22012");
  CHECK(db.query(sql, 1).count() == 1);
  CHECK(db.query(sql, 2).count() == 1);
  CHECK(db.prepares());
  CHECK(prepared_count(db) == 2);  // this question is the second
}

TEST_CASE("Connection: without preparing, everything works alike and nothing is left",
          "[postgres]") {
  ConnectionSettings unprepared = settings();
  unprepared.prepares = false;
  Connection db(unprepared);
  CHECK(db.query("SELECT $1::integer", 5).get<std::int64_t>(0, 0) == 5);
  CHECK(prepared_count(db) == 0);
}

TEST_CASE("Connection: a statement that has gone is run without preparing, from then on",
          "[postgres]") {
  Connection db(settings());
  CHECK(db.query("SELECT 7").get<std::int64_t>(0, 0) == 7);
  db.execute("DEALLOCATE ALL");  // as if another session answered
  CHECK(db.query("SELECT 7").get<std::int64_t>(0, 0) == 7);
  CHECK_FALSE(db.prepares());
  CHECK(prepared_count(db) == 0);
}

TEST_CASE("Connection: a statement that is there already is run without preparing", "[postgres]") {
  Connection db(settings());
  CHECK(db.query("SELECT 8").get<std::int64_t>(0, 0) == 8);
  const auto name =
      db.query("SELECT name FROM pg_prepared_statements ORDER BY prepare_time LIMIT 1")
          .get<std::string>(0, 0);
  Connection other(settings());
  other.execute("PREPARE " + name + " AS SELECT 'of another session'");
  CHECK(other.query("SELECT 8").get<std::int64_t>(0, 0) == 8);
  CHECK_FALSE(other.prepares());
}

TEST_CASE("Connection: a failure at the commit is a failure of the statement", "[postgres]") {
  Connection db(settings());
  db.execute(
      "CREATE TEMP TABLE parents (id integer PRIMARY KEY);"
      "CREATE TEMP TABLE children (id integer REFERENCES parents DEFERRABLE INITIALLY DEFERRED)");
  const auto report = error_of([&] { db.query("INSERT INTO children VALUES ($1)", 1); });
  CHECK(report.sqlstate == "23503");
  CHECK(db.query("SELECT count(*) FROM children").get<std::int64_t>(0, 0) == 0);
}

TEST_CASE("Connection: a script tells where and after how many statements it failed",
          "[postgres]") {
  Connection db(settings());
  const auto report = error_of([&] {
    db.execute("CREATE TEMP TABLE ä (id integer);\nSELECT 1;\nSELECT nonsense FROM ä;\nSELECT 2;");
  });
  CHECK(report.sqlstate == "42703");
  CHECK(report.completed_statements == 2);
  CHECK(report.position_characters == 52);  // in characters, not in bytes
  CHECK(db.is_reusable());
  CHECK(db.execute("SELECT 1; CREATE TEMP TABLE t ()") == "CREATE TABLE");
  CHECK(db.execute("-- nothing").empty());
}

TEST_CASE("Connection: COPY without data is refused and the session goes on", "[postgres]") {
  Connection db(settings());
  db.execute("CREATE TEMP TABLE t (id integer)");
  CHECK(error_of([&] { db.execute("COPY t FROM STDIN"); }).sqlstate == "57014");
  CHECK(db.is_reusable());
  CHECK(error_of([&] { db.execute("COPY t TO STDOUT"); }).sqlstate.empty());
  CHECK_FALSE(db.is_reusable());
}

TEST_CASE("Connection: no answer within the limit ends the connection's use", "[postgres]") {
  ConnectionSettings hasty = settings();
  hasty.answer_limit = std::chrono::milliseconds(50);
  Connection db(hasty);
  const auto report = error_of([&] { db.query("SELECT pg_sleep(30)"); });
  CHECK(report.sqlstate.empty());
  CHECK_FALSE(db.is_reusable());
}

TEST_CASE("Connection: whatever it waits for can be cancelled from its hook", "[postgres]") {
  constexpr const char* kSleep = "SELECT pg_sleep(30)";
  const auto wait_for = GENERATE(
      as<std::function<void(Connection&)>>(), [](Connection& db) { db.execute(kSleep); },
      [](Connection& db) { db.query(kSleep); });
  // Each in a session of its own: the server signals a cancellation twice, and the second signal
  // may come as late as during the next statement.
  Connection db(settings());
  int calls = 0;
  db.watch({.fd = -1, .interval = std::chrono::milliseconds(1), .call = [&] {
              ++calls;
              db.cancel();
            }});
  CHECK(error_of([&] { wait_for(db); }).sqlstate == "57014");
  CHECK(calls > 0);
}

TEST_CASE("Connection: a session that the server ended is stale, and of no more use",
          "[postgres]") {
  Connection db(settings());
  CHECK_FALSE(db.is_stale());
  terminate(pid_of(db));
  wait_until("the end of the session", [&] { return db.is_stale(); });
  const auto report = error_of([&] { db.query("SELECT 1"); });
  CHECK((report.sqlstate.empty() || report.sqlstate == "57P01"));
  CHECK_FALSE(db.is_reusable());
}

TEST_CASE("Connection: a session that ends while it works reports it", "[postgres]") {
  Connection db(settings());
  const auto pid = pid_of(db);
  db.watch({.fd = -1, .interval = std::chrono::milliseconds(1), .call = [&] { terminate(pid); }});
  const auto report = error_of([&] { db.execute("SELECT pg_sleep(30)"); });
  CHECK((report.sqlstate.empty() || report.sqlstate == "57P01"));
  CHECK_FALSE(db.is_reusable());
}

TEST_CASE("Connection: notices go to the receiver, and nowhere without one", "[postgres]") {
  Connection db(settings());
  db.execute("DO $$ BEGIN RAISE NOTICE 'unheard'; END $$");
  std::vector<std::string> heard;
  db.on_notice([&](const std::string& message) { heard.push_back(message); });
  db.execute("DO $$ BEGIN RAISE WARNING 'heard'; END $$");
  CHECK(heard == std::vector<std::string>{"WARNING: heard"});
}

TEST_CASE("Connection: the options of the URL are in force, and the encoding is ours",
          "[postgres]") {
  ConnectionSettings with_options = settings();
  with_options.url += "&options=-c%20search_path%3Dpg_catalog&client_encoding=LATIN1";
  Connection db(with_options);
  const auto setting = [&](const char* name) {
    return db.query("SELECT current_setting($1)", name).get<std::string>(0, 0);
  };
  CHECK(setting("search_path") == "pg_catalog");
  CHECK(setting("client_encoding") == "UTF8");
  CHECK(setting("application_name") == "connection test");
}

TEST_CASE("Connection: a plan that a migration made out of date is made anew", "[postgres]") {
  Connection db(settings());
  db.execute("CREATE TEMP TABLE t (a text); INSERT INTO t VALUES ('x')");
  const std::string_view sql = "SELECT a FROM t";
  CHECK(db.query(sql).count() == 1);
  db.execute("ALTER TABLE t ALTER a TYPE varchar(9)");
  CHECK(db.query(sql).get<std::string>(0, 0) == "x");
  CHECK(db.query(sql).get<std::string>(0, 0) == "x");
  CHECK(db.prepares());
  CHECK_FALSE(db.is_reusable());  // the next connection prepares it as it is now
}

TEST_CASE("Connection: it knows which process of the server it was promised", "[postgres]") {
  Connection direct(settings());
  CHECK(direct.backend_pid() == pid_of(direct));
  ConnectionSettings pooled = settings();
  pooled.url = shared_pgbouncer().url("postgres");
  Connection db(pooled);
  CHECK(db.backend_pid() != pid_of(db));
}

TEST_CASE("Connection: what cannot be read as a URL is refused without quoting it", "[postgres]") {
  CHECK(Connection::is_valid_url("postgres://user:pass@host:5432/database?sslmode=disable"));
  CHECK(Connection::is_valid_url("host=a,b dbname=c"));
  CHECK_FALSE(Connection::is_valid_url("postgres://[hunter2"));
  CHECK_FALSE(Connection::is_valid_url("host=a unknown_keyword=hunter2"));
  // An @ or / of a password that nobody encoded would make it a host, port or database.
  CHECK_FALSE(Connection::is_valid_url("postgres://user:hunt@er2@host/database"));
  CHECK_FALSE(Connection::is_valid_url("postgres://user:hunt/er2@host/database"));
  CHECK_FALSE(Connection::is_valid_url("postgres://user:12/er2@host/database"));
  CHECK_FALSE(Connection::is_valid_url("postgres://user:hunt?er@2@host/database"));
  CHECK_FALSE(Connection::is_valid_url("postgres://host:hunter2/database"));
  CHECK(Connection::is_valid_url("postgres://user:hunt?er2@host/database?application_name=a@b"));
  CHECK(Connection::is_valid_url("postgresql://user:a%40b%2Fc@/database?host=@abstract,/run/pg"));
  CHECK(Connection::is_valid_url("host=a port=1,2 password='p@ss/w://ord'"));
  const auto report = error_of([] { Connection db({.url = "postgres://[hunter2"}); });
  CHECK(report.message.find("hunter2") == std::string::npos);
}

TEST_CASE("Connection: an address where nobody listens is refused with the reason, in one line",
          "[postgres]") {
  const auto report = error_of(
      [] { Connection db({.url = "postgres://user:hunter2@127.0.0.1:1,127.0.0.1:2/database"}); });
  CHECK(report.sqlstate.empty());
  CHECK(report.message.find("refused") != std::string::npos);
  CHECK(report.message.find('\n') == std::string::npos);
  CHECK(report.message.find("hunter2") == std::string::npos);
}

TEST_CASE("Transaction: rolled back unless committed", "[postgres]") {
  Connection db(settings());
  db.execute("CREATE TEMP TABLE t (id integer)");
  {
    const Transaction transaction(db);
    db.query("INSERT INTO t VALUES (1)");
  }
  CHECK(db.is_reusable());
  {
    Transaction transaction(db);
    db.query("INSERT INTO t VALUES (2)");
    CHECK(db.is_in_transaction());
    CHECK_FALSE(db.is_reusable());
    transaction.commit();
  }
  CHECK(db.query("SELECT id FROM t").get<std::int64_t>(0, 0) == 2);
}

TEST_CASE("Transaction: a COMMIT that the server turns into a ROLLBACK is an error", "[postgres]") {
  Connection db(settings());
  Transaction transaction(db);
  CHECK(error_of([&] { db.execute("SELECT 1/0"); }).sqlstate == "22012");
  CHECK_FALSE(db.is_in_transaction());
  CHECK(error_of([&] { transaction.commit(); }).sqlstate == "25P02");
  CHECK(db.is_reusable());
}

TEST_CASE("Transaction: one that is left behind by a failure leaves a sound session",
          "[postgres]") {
  Connection db(settings());
  try {
    const Transaction transaction(db);
    db.query("SELECT 1 / $1::integer", 0);
  } catch (const SqlError&) {
    CHECK(db.is_reusable());
  }
  CHECK(db.query("SELECT 1").count() == 1);
}

TEST_CASE("Postgres pool: a session that the server ended is replaced before it is lent",
          "[postgres]") {
  postgres::Pool pool(shared_cluster().url(), 1);
  std::int64_t pid = 0;
  {
    const postgres::Pool::Lease db(pool);
    pid = pid_of(*db);
    CHECK(db->query("SELECT current_setting('lock_timeout')").get<std::string>(0, 0) == "3s");
  }
  CHECK(pid_of(*postgres::Pool::Lease(pool)) == pid);
  terminate(pid);
  Connection watch(settings());
  wait_until("the end of the session", [&] {
    return watch.query("SELECT FROM pg_stat_activity WHERE pid = $1::integer", pid).count() == 0;
  });
  const postgres::Pool::Lease db(pool);
  CHECK(pid_of(*db) != pid);
}

TEST_CASE("Postgres pool: sessions have limits, unless somebody else has set them", "[postgres]") {
  const auto limits = [](const std::string& url) {
    postgres::Pool pool(url, 1);
    const Rows rows = postgres::Pool::Lease(pool)->query(
        "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') ||"
        " ' ' || current_setting('jit') || ' ' || current_setting('enable_bitmapscan')");
    return rows.get<std::string>(0, 0);
  };
  const std::string url = shared_cluster().url();
  CHECK(limits(url) == "3s 5s off off");
  CHECK(limits(url + "&options=-c%20lock_timeout%3D77") == "77ms 5s off off");
  // Also where that is what the server has by itself.
  CHECK(limits(url + "&options=-c%20statement_timeout%3D0%20-c%20jit%3Don") == "3s 0 on off");
  // Behind a pooler a session is everybody's.
  CHECK(limits(shared_pgbouncer().url("postgres")) == "0 0 on on");
}

TEST_CASE("Postgres pool: while the server is away, each caller fails and none waits",
          "[postgres]") {
  postgres::Pool pool("postgres://127.0.0.1:1/database", 2);
  for (int i = 0; i < 1000; ++i) {
    CHECK_THROWS_AS(postgres::Pool::Lease(pool), StoreUnavailable);
  }
}

}  // namespace
}  // namespace registry::test
