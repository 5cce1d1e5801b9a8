// Following the trail in Postgres, where an id is drawn before its row can be seen.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/postgres_additions.h"
#include "tests/support/process.h"
#include "tests/support/service.h"

namespace registry::test {
namespace {

using postgres::Connection;
using Actions = std::vector<std::string>;

constexpr const char* kWithoutAnnouncements =
    "ALTER TABLE audit_log DISABLE TRIGGER audit_log_announce_rows";

// A reader that keeps the last id it saw, and writers whose transactions take their time.
class TailTest : public AdditionsTest {
 protected:
  TailTest() { static_cast<void>(read()); }  // the fixture's own entry

  [[nodiscard]] std::unique_ptr<Connection> session() {
    return std::make_unique<Connection>(
        postgres::ConnectionSettings{.url = url(), .application_name = "writer"});
  }

  static void insert(Connection& writer, const std::string& action) {
    writer.query("INSERT INTO audit_log (action) VALUES ($1)", action);
  }

  void append(const std::string& action) {
    const AuditSubmission submission = submission_at(action);
    REQUIRE(store().append_audit_events(everyone(), {&submission, 1}));
  }

  // The actions of what is new to the reader.
  Actions read() {
    Actions actions;
    AuditPage page;
    do {
      page = value_of(store().audit_events(everyone(), {.cursor = cursor_, .limit = 2}));
      for (const AuditEvent& entry : page.events) {
        REQUIRE(entry.id > cursor_);
        cursor_ = entry.id;
        actions.push_back(entry.event.action);
      }
      REQUIRE(page.decided_id >= cursor_);
    } while (page.next_cursor);
    return actions;
  }

  // What somebody who looks at the newest entries sees.
  Actions newest(int count) {
    Actions actions;
    const auto page =
        value_of(store().audit_events(everyone(), {.limit = count, .newest_first = true}));
    for (const AuditEvent& entry : page.events) actions.push_back(entry.event.action);
    return actions;
  }

 private:
  std::int64_t cursor_ = 0;
};

}  // namespace

TEST_CASE_METHOD(TailTest, "tail: an open transaction holds back what was appended after it began",
                 "[postgres]") {
  const auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "slow");
  append("quick");
  CHECK(read().empty());
  CHECK(newest(1) == Actions{"quick"});
  slow->execute("COMMIT");
  CHECK(read() == Actions{"slow", "quick"});
  CHECK(read().empty());
}

TEST_CASE_METHOD(TailTest, "tail: without the announcement of ids a reader misses an entry",
                 "[postgres]") {
  db().execute(kWithoutAnnouncements);
  const auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "slow");
  append("quick");
  CHECK(read() == Actions{"quick"});
  slow->execute("COMMIT");
  CHECK(read().empty());
}

TEST_CASE_METHOD(TailTest, "tail: what is rolled back holds nothing back afterwards",
                 "[postgres]") {
  const auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "never");
  append("one");
  slow->execute("ROLLBACK");
  CHECK(read() == Actions{"one"});
}

TEST_CASE_METHOD(TailTest, "tail: a writer whose session breaks off holds nothing back afterwards",
                 "[postgres]") {
  auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "never");
  append("one");
  const int pid = slow->backend_pid();
  slow.reset();
  wait_until("the end of the session", [&] {
    return value("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid) == 0;
  });
  CHECK(read() == Actions{"one"});
}

TEST_CASE_METHOD(TailTest, "tail: a transaction that goes on after a savepoint announces again",
                 "[postgres]") {
  const auto slow = session();
  slow->execute("BEGIN");
  slow->execute("SAVEPOINT before");
  insert(*slow, "never");
  append("one");
  CHECK(read().empty());
  slow->execute("ROLLBACK TO before");
  CHECK(read() == Actions{"one"});
  insert(*slow, "slow");
  append("two");
  CHECK(read().empty());
  slow->execute("RELEASE before");
  slow->execute("COMMIT");
  CHECK(read() == Actions{"slow", "two"});
}

TEST_CASE_METHOD(TailTest, "tail: a transaction of many statements takes one lock", "[postgres]") {
  const auto slow = session();
  slow->execute("BEGIN");
  for (int i = 0; i < 100; ++i) insert(*slow, "slow");
  CHECK(value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
              " (SELECT oid FROM pg_database WHERE datname = current_database())") == 1);
  slow->execute("COMMIT");
  CHECK(read().size() == 100);
}

TEST_CASE_METHOD(TailTest, "tail: changes, bulk appends and COPY are held to it as well",
                 "[postgres]") {
  const std::string tenant = tenant_id().to_string();
  for (const char* statement :
       {"COPY audit_log (action) FROM PROGRAM 'echo slow'",
        "INSERT INTO audit_log (action) SELECT 'slow' FROM generate_series(1, 3)",
        "WITH gone AS (INSERT INTO audit_log (action) VALUES ('slow') RETURNING id)"
        " SELECT id FROM gone"}) {
    CAPTURE(statement);
    const auto slow = session();
    slow->execute("BEGIN");
    slow->execute(statement);
    append("quick");
    CHECK(read().empty());
    slow->execute("COMMIT");
    const Actions actions = read();
    REQUIRE(actions.size() >= 2);
    CHECK(actions.front() == "slow");
    CHECK(actions.back() == "quick");
  }
}

TEST_CASE_METHOD(TailTest, "tail: an append that has drawn its ids and waits holds back later ones",
                 "[postgres]") {
  const auto holder = session();
  holder->execute("BEGIN");
  holder->execute(
      "INSERT INTO idempotency_keys (caller, key, digest, ids) VALUES ('a','k','','{1}')");
  std::jthread waiter([&] {
    const AuditSubmission submission = submission_at("slow");
    static_cast<void>(store().append_audit_events_once(
        everyone(), {&submission, 1}, {.caller = "a", .key = "k", .digest = std::string(64, '0')}));
  });
  wait_until("an append that waits", [&] { return waiting() == 1; });
  append("quick");
  CHECK(read().empty());
  holder->execute("ROLLBACK");
  waiter.join();
  CHECK(read() == Actions{"slow", "quick"});
}

TEST_CASE_METHOD(TailTest, "tail: it is exact where the low 32 bits of the ids begin anew",
                 "[postgres]") {
  db().query("SELECT setval('audit_log_id_seq', 8589934590)");
  append("before");
  CHECK(read() == Actions{"before"});
  const auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "slow");
  append("after");
  append("after that");
  CHECK(read().empty());
  const auto later = session();
  later->execute("BEGIN");
  insert(*later, "later");
  slow->execute("COMMIT");
  append("last");
  CHECK(read() == Actions{"slow", "after", "after that"});
  later->execute("COMMIT");
  CHECK(read() == Actions{"later", "last"});
}

TEST_CASE_METHOD(TailTest, "tail: transactions of another database hold nothing back",
                 "[postgres]") {
  // A clone of the same template: its table has the same oid.
  const std::string other = shared_cluster().create_registry_database();
  {
    Connection writer({.url = shared_cluster().url(other), .application_name = "writer"});
    writer.execute("BEGIN");
    insert(writer, "elsewhere");
    append("here");
    CHECK(read() == Actions{"here"});
  }
  shared_cluster().drop_database(other);
}

TEST_CASE_METHOD(TailTest, "tail: a page by a filter ends where the whole trail is decided",
                 "[postgres]") {
  const auto slow = session();
  slow->execute("BEGIN");
  slow->query("INSERT INTO audit_log (action, tenant_id) VALUES ('slow', $1)", tenant_id());
  AuditSubmission submission = submission_at("quick");
  submission.event.tenant_id = tenant_id();
  REQUIRE(store().append_audit_events(everyone(), {&submission, 1}));
  const auto actions = [&] {
    Actions found;
    const AuditQuery query{.tenant_id = tenant_id(), .since = Timestamp{0}};
    for (const auto& entry : value_of(store().audit_events(everyone(), query)).events) {
      found.push_back(entry.event.action);
    }
    return found;
  };
  CHECK(actions() == Actions{"tenant.create"});
  slow->execute("COMMIT");
  CHECK(actions() == Actions{"tenant.create", "slow", "quick"});
}

TEST_CASE_METHOD(TailTest, "pages: times that are not in the order of the ids are found all",
                 "[postgres]") {
  // Over several blocks of ids, and with some that lie far from their neighbours, or at infinity.
  db().execute(
      "INSERT INTO audit_log (id, action, created_at)"
      " SELECT 1000 + i * 4001, 'old', timestamptz '2020-01-01' + i * interval '1 hour'"
      "  + CASE WHEN i % 97 = 5 THEN interval '40 days' WHEN i % 89 = 7 THEN interval '-40 days'"
      "    ELSE interval '0' END"
      " FROM generate_series(1, 3000) i;"
      "INSERT INTO audit_log (id, action, created_at)"
      " VALUES (500000, 'old', 'infinity'), (700001, 'old', '-infinity')");
  const auto moment = [](const char* text) { return Timestamp::parse_rfc3339(text).value(); };
  const std::vector<std::pair<const char*, const char*>> windows = {
      {"2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"},
      {"2020-02-10T12:00:00Z", "2020-02-11T00:00:00Z"},
      {"2020-05-01T00:00:00Z", "2021-01-01T00:00:00Z"},
      {"2019-01-01T00:00:00Z", "2019-12-01T00:00:00Z"},
      {"2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"}};
  for (const auto& [since, until] : windows) {
    CAPTURE(since);
    for (const bool has_until : {true, false}) {
      for (const bool newest_first : {false, true}) {
        AuditQuery query{.action = "old", .since = moment(since), .limit = 500};
        if (has_until) query.until = moment(until);
        query.newest_first = newest_first;
        std::vector<std::int64_t> ids;
        do {
          const auto page = value_of(store().audit_events(everyone(), query));
          for (const AuditEvent& entry : page.events) ids.push_back(entry.id);
          query.cursor = page.next_cursor;
        } while (query.cursor);
        const auto rows = db().query(
            "SELECT id FROM audit_log WHERE action = 'old' AND created_at >= $1"
            " AND (created_at < $2 OR $2 IS NULL) ORDER BY id",
            query.since, query.until);
        std::vector<std::int64_t> expected;
        for (int row = 0; row < rows.count(); ++row) {
          expected.push_back(rows.get<std::int64_t>(row, 0));
        }
        if (newest_first) std::reverse(expected.begin(), expected.end());
        CHECK(ids == expected);
      }
    }
  }
}

TEST_CASE_METHOD(TailTest, "docs/examples/partition_audit_log.sql: the trail goes on as before",
                 "[postgres]") {
  for (int i = 1; i <= 5; ++i) append("before");
  const std::string newest = std::to_string(value("SELECT max(id) FROM audit_log"));
  shared_cluster().sql(name(),
                       "\\set boundary " + newest + "+3\n\\set width 4\n" +
                           read_file(source_folder() + "/docs/examples/partition_audit_log.sql"));
  CHECK(read() == Actions(5, "before"));
  const auto slow = session();
  slow->execute("BEGIN");
  insert(*slow, "slow");
  append("quick");
  CHECK(read().empty());
  slow->execute("COMMIT");
  CHECK(read() == Actions{"slow", "quick"});
  for (int i = 1; i <= 8; ++i) append("after");
  CHECK(read() == Actions(8, "after"));
  CHECK(value("SELECT count(*) FROM ONLY audit_log_2") == 4);
  CHECK(value("SELECT count(*) FROM ONLY audit_log_3") == 4);
  CHECK(value_of(store().audit_events(everyone(), {.action = "after", .newest_first = true}))
            .events.size() == 8);
  // Each index of the schema is one of every partition.
  CHECK(value("SELECT count(*) FROM pg_index WHERE indrelid = 'audit_log'::regclass") == 20);
  CHECK(value("SELECT count(DISTINCT i.inhparent) FROM pg_inherits i JOIN pg_index x"
              " ON x.indexrelid = i.inhrelid WHERE x.indrelid = 'audit_log_1'::regclass") == 20);
  // Nothing is left for ids beyond, and then nothing is written.
  const AuditSubmission beyond = submission_at("beyond");
  CHECK_THROWS(static_cast<void>(store().append_audit_events(everyone(), {&beyond, 1})));
  CHECK(read().empty());
  db().execute("CREATE TABLE audit_log_4 PARTITION OF audit_log FOR VALUES FROM (" + newest +
               "+11) TO (MAXVALUE)");
  append("beyond");
  CHECK(read() == Actions{"beyond"});
}

}  // namespace registry::test
