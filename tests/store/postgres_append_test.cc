// What entries of the trail meet in Postgres alone: the one statement that appends them, and what
// other programs have stored.
#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/store/postgres_additions.h"

namespace registry::test {
namespace {

TEST_CASE_METHOD(AdditionsTest, "append: one bad event in the middle of 1,000 keeps all out",
                 "[postgres]") {
  std::vector<AuditSubmission> events;
  for (int i = 0; i < 1'000; ++i) {
    events.push_back(submission_at("a", "[" + std::to_string(i) + "]."));
    events.back().event.tenant_id = tenant_id();
  }
  const std::string before = contents();
  events[500].event.tenant_id = random_id();
  events[700].event.project_id = random_id();
  const auto refused = store().append_audit_events(everyone(), events);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().fields ==
        std::vector<FieldError>{{"[500].tenant_id", "names no tenant"},
                                {"[700].project_id", "names no project of the tenant"}});
  CHECK(contents() == before);
}

TEST_CASE_METHOD(AdditionsTest, "append: of 1,000 events ids, hashes and rows are in their order",
                 "[postgres]") {
  std::vector<AuditSubmission> events;
  for (int i = 0; i < 1'000; ++i) events.push_back(submission_at("do." + std::to_string(i)));
  const auto receipts = value_of(store().append_audit_events(everyone(), events));
  REQUIRE(receipts.size() == events.size());
  for (std::size_t i = 1; i < receipts.size(); ++i) {
    if (receipts[i].id <= receipts[i - 1].id) FAIL("ids that do not grow at " << i);
  }
  const auto rows = db().query(
      "SELECT action, encode(sha256((id || ':' || action || ':::::0:0:::')::bytea), 'hex'),"
      " created_at = max(created_at) OVER () FROM audit_log WHERE action LIKE 'do.%' ORDER BY id");
  REQUIRE(rows.count() == 1'000);
  for (int i = 0; i < rows.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (rows.get<std::string>(i, 0) != events[at].event.action ||
        rows.get<std::string>(i, 1) != receipts[at].hash || !rows.get<bool>(i, 2)) {
      FAIL("another row at " << i);
    }
  }
}

TEST_CASE_METHOD(AdditionsTest, "append: a tenant or project that goes during the wait is missing",
                 "[postgres]") {
  const auto project = value<Uuid>(
      "INSERT INTO tenant_projects (tenant_id, name, slug) VALUES ($1, 'One', 'one') RETURNING id",
      tenant_id());
  AuditSubmission submission = submission_at("a");
  submission.event.tenant_id = tenant_id();
  submission.event.project_id = project;
  const auto refused_when = [&](const std::string& sql) {
    std::vector<FieldError> fields;
    behind_lock(
        1,
        [&](int) {
          const auto result = store().append_audit_events(everyone(), std::span(&submission, 1));
          if (!result) fields = result.error().fields;
          return std::string();
        },
        [&] { db().query(sql, tenant_id()); }, "UPDATE");
    return fields;
  };
  CHECK(refused_when("DELETE FROM tenant_projects WHERE tenant_id = $1") ==
        std::vector<FieldError>{{"project_id", "names no project of the tenant"}});
  submission.event.project_id.reset();
  CHECK(refused_when("DELETE FROM tenants WHERE id = $1") ==
        std::vector<FieldError>{{"tenant_id", "names no tenant"}});
  CHECK(entries("a") == 0);
}

TEST_CASE_METHOD(AdditionsTest,
                 "append: the project of another event's tenant is no project of one's own",
                 "[postgres]") {
  const Uuid other = value_of(store().create_tenant(new_customer(), some_origin())).tenant.id;
  std::vector<AuditSubmission> events(2, submission_at("a"));
  events[0].event.tenant_id = tenant_id();
  events[1].event.tenant_id = other;
  events[1].event.project_id = value<Uuid>(
      "INSERT INTO tenant_projects (tenant_id, name, slug) VALUES ($1, 'One', 'one') RETURNING id",
      other);
  CHECK(store().append_audit_events(everyone(), events).has_value());
  std::swap(events[0].event.project_id, events[1].event.project_id);
  CHECK(code_of(store().append_audit_events(everyone(), events)) == ErrorCode::kInvalidRequest);
}

TEST_CASE_METHOD(AdditionsTest, "append: where an event has a tenant's id, no slug counts",
                 "[postgres]") {
  AuditSubmission submission = submission_at("a");
  submission.event.tenant_id = random_id();
  submission.tenant_slug = slug_of(value_of(store().tenant_by_id(everyone(), tenant_id())).slug);
  CHECK(code_of(store().append_audit_events(everyone(), std::span(&submission, 1))) ==
        ErrorCode::kInvalidRequest);
}

TEST_CASE_METHOD(AdditionsTest, "append: a tenant that it refers to stays until it is done",
                 "[postgres]") {
  AuditSubmission submission = submission_at("a");
  submission.event.tenant_id = tenant_id();
  const auto results = run_in_threads(kWaiters, [&](int i) {
    if (i > 0)
      return outcome_text(
          [&] { return store().append_audit_events(everyone(), std::span(&submission, 1)); });
    postgres::Connection other({.url = url(), .application_name = "test"});
    other.query("DELETE FROM tenants WHERE id = $1", tenant_id());
    return std::string("done");
  });
  for (const auto& result : results) {
    CHECK((result == "done" || result == as_outcome(ErrorCode::kInvalidRequest)));
  }
}

TEST_CASE_METHOD(AdditionsTest, "append: the largest and smallest numbers it holds come back",
                 "[postgres]") {
  AuditSubmission submission = submission_at("a");
  submission.event.metadata_json =
      R"({"large":1e308,"small":5e-324,"long":)" + std::string(60'000, '9') + "}";
  REQUIRE(store().append_audit_events(everyone(), std::span(&submission, 1)).has_value());
  const auto page = value_of(store().audit_events(everyone(), {.action = "a"}));
  CHECK(page.events.at(0).event.metadata_json.size() > 60'000 + 308 + 324);
}

TEST_CASE_METHOD(AdditionsTest, "append: the longest texts fit every index", "[postgres]") {
  std::string longest;
  for (int i = 0; i < 255; ++i) {
    // Four bytes each, in no order that an index could compress.
    const int point = 0x10000 + static_cast<int>((i * 7919LL + 104729LL * i * i) % 0x8000);
    for (const int part : {0xF0 | point >> 18, 0x80 | (point >> 12 & 0x3F),
                           0x80 | (point >> 6 & 0x3F), 0x80 | (point & 0x3F)}) {
      longest += static_cast<char>(part);
    }
  }
  AuditSubmission submission = submission_at(longest);
  submission.event.tenant_id = tenant_id();
  for (auto* member : {&submission.event.actor_id, &submission.event.target_id,
                       &submission.event.product, &submission.event.user_agent}) {
    *member = longest;
  }
  REQUIRE(store().append_audit_events(everyone(), std::span(&submission, 1)).has_value());
  CHECK(value_of(store().audit_events(everyone(), {.product = longest, .actor_id = longest}))
            .events.size() == 1);
}

TEST_CASE_METHOD(AdditionsTest, "audit_events: entries of other programs are read as they can be",
                 "[postgres]") {
  db().execute(
      "INSERT INTO audit_log (action, metadata, source_ip, created_at) VALUES"
      " ('a', '[\"_retraced\"]', '192.0.2.0/24', 'infinity'), ('a', '\"_retraced\"', '::1', now()),"
      " ('a', '1', NULL, '-infinity'), ('a', '{\"_retraced\":\"x\",\"k\":1}', NULL, now()),"
      " ('a', '{\"_retraced\":null}', NULL, now())");
  const auto page = value_of(store().audit_events(everyone(), {.action = "a"}));
  REQUIRE(page.events.size() == 5);
  CHECK(page.events[0].event.metadata_json == R"(["_retraced"])");
  CHECK(page.events[0].event.source_ip == "192.0.2.0");
  CHECK(page.events[1].event.metadata_json == R"("_retraced")");
  CHECK(page.events[2].event.metadata_json == "1");
  CHECK(page.events[3].event.metadata_json == R"({"k": 1})");
  CHECK(page.events[4].event.metadata_json == "{}");
  for (const AuditEvent& event : page.events) CHECK_FALSE(event.retraced_json.has_value());
}

TEST_CASE_METHOD(AdditionsTest, "append once: a key is free after a day, and takes a few with it",
                 "[postgres]") {
  const AuditSubmission event = submission_at("a");
  const auto append = [&](const std::string& key, char digest) {
    return store().append_audit_events_once(
        everyone(), {&event, 1}, {.caller = "c", .key = key, .digest = std::string(64, digest)});
  };
  const auto age = [&](const std::string& interval) {
    db().execute("UPDATE idempotency_keys SET created_at = now() - interval '" + interval + "'");
  };
  const auto first = value_of(append("k", 'a'));
  age("23 hours 59 minutes");
  CHECK(value_of(append("k", 'a')) == first);
  CHECK(code_of(append("k", 'b')) == ErrorCode::kKeyReused);
  age("24 hours");
  const auto second = value_of(append("k", 'b'));
  CHECK(second != first);
  CHECK(value_of(append("k", 'b')) == second);
  CHECK(value("SELECT count(*) FROM idempotency_keys") == 1);

  db().execute(
      "INSERT INTO idempotency_keys (caller, key, digest, ids, created_at)"
      " SELECT 'c', 'old' || i, '', '{1}', now() - interval '25 hours'"
      " FROM generate_series(1, 10) i");
  std::int64_t left = value("SELECT count(*) FROM idempotency_keys WHERE key LIKE 'old%'");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(append("new" + std::to_string(i), 'a'));
    const auto now_left = value("SELECT count(*) FROM idempotency_keys WHERE key LIKE 'old%'");
    CHECK(now_left == std::max<std::int64_t>(left - 3, 0));
    left = now_left;
  }
}

}  // namespace
}  // namespace registry::test
