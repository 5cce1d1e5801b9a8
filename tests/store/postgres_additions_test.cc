// What requests, trials, keys and entries of the trail meet in Postgres alone: other transactions
// that hold a lock, end, or change what a statement's snapshot still shows.
#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/store/postgres/tenant_statements.h"
#include "tests/store/parallel.h"
#include "tests/store/postgres_fixture.h"
#include "tests/store/store_fixture.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

using postgres::PostgresStore;
using postgres::Transaction;

constexpr int kCallers = 16;

// What came of an operation: "done", the code of its failure as a number, or the outage.
template <class Operation>
std::string outcome_of(const Operation& operation) {
  try {
    const auto result = operation();
    if (result) return "done";
    return std::to_string(static_cast<int>(result.error().code));
  } catch (const StoreUnavailable& outage) {
    return outage.what();
  } catch (const std::exception& error) {
    return std::string("a bug: ") + error.what();
  }
}

std::string as_outcome(ErrorCode code) {
  return std::to_string(static_cast<int>(code));
}

NewApiKey new_key(const Uuid& tenant_id, std::string name) {
  return {.tenant_id = tenant_id,
          .product = {},
          .name = std::move(name),
          .scopes = {"audit:write"},
          .hash = "argon2id|c2FsdA|aGFzaA",
          .prefix = "bp_abcdefgh",
          .created_by = {}};
}

AuditSubmission submission_at(std::string action, std::string place = "") {
  AuditSubmission submission;
  submission.event.action = std::move(action);
  submission.hash_tail = submission.event.action + ":::::0:0:::";
  submission.place = std::move(place);
  return submission;
}

// A tenant, and a store with a connection for each of many callers, who may wait for its row.
class AdditionsTest : public PostgresTest {
 protected:
  [[nodiscard]] PostgresStore& store() { return store_; }
  [[nodiscard]] const Uuid& tenant_id() const { return tenant_id_; }
  [[nodiscard]] const ProductId& product() const { return product_; }

  [[nodiscard]] std::string start_trial() {
    return outcome_of([&] {
      return store_.start_trial(everyone(), tenant_id_, product_, kTrialDays, some_origin());
    });
  }
  [[nodiscard]] std::string request() {
    return outcome_of([&] {
      return store_.request_product(everyone(), tenant_id_, product_, {}, some_origin());
    });
  }
  // The moment that a request is given; else what came of it.
  [[nodiscard]] std::string requested_at() {
    std::string moment;
    const std::string outcome = outcome_of([&] {
      auto result = store_.request_product(everyone(), tenant_id_, product_, {}, some_origin());
      if (result) moment = result->to_string();
      return result;
    });
    return moment.empty() ? outcome : moment;
  }
  [[nodiscard]] std::string create_key() {
    return outcome_of([&] {
      return store_.create_api_key(everyone(), new_key(tenant_id_, "key"), some_origin());
    });
  }
  [[nodiscard]] std::string revoke(const Uuid& key_id) {
    return outcome_of([&] { return store_.revoke_api_key(everyone(), key_id, some_origin()); });
  }

  // Carries out a statement with the tenant's id as $1 and the product as $2.
  void change(const std::string& sql) { db().query(sql, tenant_id_, product_.str()); }
  [[nodiscard]] std::int64_t entries(const std::string& action) {
    return value("SELECT count(*) FROM audit_log WHERE action = $1", action);
  }
  // Everything that the operations write, as a text.
  [[nodiscard]] std::string contents() {
    return value<std::string>(
        "SELECT concat((SELECT jsonb_agg(p ORDER BY p.product) FROM tenant_products p),"
        " (SELECT jsonb_agg(k ORDER BY k.id) FROM api_keys k),"
        " (SELECT jsonb_agg(a ORDER BY a.id) FROM audit_log a))");
  }

  // How many sessions wait for a lock; unlike pg_stat_activity, told anew in each statement.
  [[nodiscard]] std::int64_t waiting() {
    return value("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted");
  }

  // Lets `count` callers begin while the tenant's row is locked, changes something as its holder
  // once all of them wait, and gives what came of them. The lock is one that a change waits for,
  // and a mere reference to the tenant does not, unless it is said to be FOR UPDATE.
  std::vector<std::string> behind_lock(
      int count, const std::function<std::string(int)>& work,
      const std::function<void()>& change = [] {}, const std::string& lock = "NO KEY UPDATE") {
    std::vector<std::string> outcomes;
    std::jthread callers;
    {
      Transaction holder(db());
      db().query("SELECT FROM tenants WHERE id = $1 FOR " + lock, tenant_id_);
      callers = std::jthread([&] { outcomes = run_in_threads(count, work); });
      wait_until("callers that wait for the tenant", [&] { return waiting() == count; });
      change();
      holder.commit();
    }
    callers.join();
    return outcomes;
  }

 private:
  // As patient as the test is.
  PostgresStore store_ =
      store_at(url() + "&options=-c%20lock_timeout%3D20s%20-c%20statement_timeout%3D20s", kCallers);
  Uuid tenant_id_ = value_of(store_.create_tenant(new_customer(), some_origin())).tenant.id;
  ProductId product_ = product_of("certifai");
};

std::vector<std::string> sorted_outcomes(std::size_t done, ErrorCode failure) {
  std::vector<std::string> outcomes(kCallers - done, as_outcome(failure));
  outcomes.resize(kCallers, "done");
  std::sort(outcomes.begin(), outcomes.end());
  return outcomes;
}

std::vector<std::string> sorted(std::vector<std::string> outcomes) {
  std::sort(outcomes.begin(), outcomes.end());
  return outcomes;
}

TEST_CASE_METHOD(AdditionsTest, "start_trial: of 16 that wait for one tenant, one gets the trial",
                 "[postgres]") {
  SECTION("no row") {}
  SECTION("a request that is pending") {
    REQUIRE(request() == "done");
  }
  SECTION("an entitlement that has expired") {
    change("INSERT INTO tenant_products (tenant_id, product, expires_at) VALUES ($1, $2, now())");
  }
  const auto outcomes = behind_lock(kCallers, [&](int) { return start_trial(); });
  CHECK(sorted(outcomes) == sorted_outcomes(1, ErrorCode::kTrialAlreadyUsed));
  CHECK(value("SELECT count(*) FROM tenant_products WHERE enabled AND requested_at IS NULL"
              " AND expires_at = trial_started_at + interval '336 hours'") == 1);
  CHECK(value("SELECT count(*) FROM tenant_products") == 1);
  CHECK(entries("catalog.trial_request") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "request_product: 16 that wait for one tenant make one request",
                 "[postgres]") {
  SECTION("no row") {}
  SECTION("an entitlement that has expired") {
    change("INSERT INTO tenant_products (tenant_id, product, expires_at) VALUES ($1, $2, now())");
  }
  const auto outcomes = behind_lock(kCallers, [&](int) { return requested_at(); });
  const auto stored =
      value<Timestamp>("SELECT requested_at FROM tenant_products WHERE NOT enabled");
  CHECK(outcomes == std::vector<std::string>(kCallers, stored.to_string()));
  CHECK(entries("catalog.request") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "requests and trials that wait together leave one trial",
                 "[postgres]") {
  const auto outcomes =
      behind_lock(kCallers, [&](int i) { return i % 2 == 0 ? start_trial() : request(); });
  int trials = 0;
  for (std::size_t i = 0; i < outcomes.size(); i += 2) {
    if (outcomes[i] == "done") ++trials;
    const auto& of_request = outcomes[i + 1];
    CHECK((of_request == "done" || of_request == as_outcome(ErrorCode::kAlreadyEntitled)));
  }
  CHECK(trials == 1);
  CHECK(value("SELECT count(*) FROM tenant_products WHERE enabled AND requested_at IS NULL") == 1);
  CHECK(entries("catalog.trial_request") == 1);
  CHECK(entries("catalog.request") <= 1);
}

TEST_CASE_METHOD(AdditionsTest, "create_api_key: of 16 that wait with one name, one gets it",
                 "[postgres]") {
  const auto outcomes = behind_lock(kCallers, [&](int) { return create_key(); });
  CHECK(sorted(outcomes) == sorted_outcomes(1, ErrorCode::kNameTaken));
  CHECK(value("SELECT count(*) FROM api_keys") == 1);
  CHECK(entries("api_key.create") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "revoke_api_key: 16 that wait revoke once", "[postgres]") {
  const Uuid id =
      value_of(store().create_api_key(everyone(), new_key(tenant_id(), "key"), some_origin())).id;
  const auto outcomes = behind_lock(kCallers, [&](int) { return revoke(id); });
  CHECK(outcomes == std::vector<std::string>(kCallers, "done"));
  CHECK(entries("api_key.revoke") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "what was committed during the wait decides, not what was before",
                 "[postgres]") {
  const std::string before = GENERATE("none", "inactive", "active");
  CAPTURE(before);
  if (before != "none") {
    change("INSERT INTO tenant_products (tenant_id, product, enabled) VALUES ($1, $2, false)");
  }
  if (before == "active") {
    change("UPDATE tenant_products SET enabled = true WHERE tenant_id = $1 AND product = $2");
  }
  const auto set = [&](const std::string& members) {
    return [this, members] {
      change(
          "INSERT INTO tenant_products (tenant_id, product) VALUES ($1, $2)"
          " ON CONFLICT DO NOTHING");
      change("UPDATE tenant_products SET " + members + " WHERE tenant_id = $1 AND product = $2");
    };
  };
  const auto trial = [&](int) { return start_trial(); };
  const auto ask = [&](int) { return request(); };
  const auto only = [](const std::vector<std::string>& outcomes) { return outcomes.at(0); };

  SECTION("an entitlement") {
    const auto entitle = set("enabled = true");
    CHECK(only(behind_lock(1, trial, entitle)) == as_outcome(ErrorCode::kAlreadyEntitled));
    CHECK(only(behind_lock(1, ask, entitle)) == as_outcome(ErrorCode::kAlreadyEntitled));
    CHECK(entries("catalog.request") + entries("catalog.trial_request") == 0);
  }
  SECTION("a trial that is over") {
    const auto end_trial = set("enabled = true, trial_started_at = now(), expires_at = now()");
    CHECK(only(behind_lock(1, trial, end_trial)) == as_outcome(ErrorCode::kTrialAlreadyUsed));
    CHECK(entries("catalog.trial_request") == 0);
    CHECK(only(behind_lock(1, ask, end_trial)) == "done");
  }
  SECTION("a request") {
    const auto put_request = set("enabled = false, requested_at = '2026-01-02T03:04:05Z'");
    CHECK(only(behind_lock(
              1, [&](int) { return requested_at(); }, put_request)) ==
          "2026-01-02T03:04:05.000000Z");
    CHECK(entries("catalog.request") == 0);
    CHECK(only(behind_lock(1, trial, put_request)) == "done");
  }
  SECTION("the end of an entitlement") {
    const auto end = set("enabled = true, expires_at = now()");
    CHECK(only(behind_lock(1, ask, end)) == "done");
    CHECK(value("SELECT count(*) FROM tenant_products WHERE NOT enabled"
                " AND expires_at IS NOT NULL AND requested_at IS NOT NULL") == 1);
    CHECK(only(behind_lock(1, trial, end)) == "done");
  }
}

TEST_CASE_METHOD(AdditionsTest, "a name that was taken during the wait is taken", "[postgres]") {
  const auto outcomes = behind_lock(
      1, [&](int) { return create_key(); },
      [&] {
        db().query(
            "INSERT INTO api_keys (tenant_id, name, hash, prefix) VALUES ($1, 'key', 'h', 'p')",
            tenant_id());
      });
  CHECK(outcomes.at(0) == as_outcome(ErrorCode::kNameTaken));
  CHECK(entries("api_key.create") == 0);
}

TEST_CASE_METHOD(AdditionsTest, "a tenant that was frozen, archived or deleted during the wait",
                 "[postgres]") {
  const auto work = [&](int i) {
    return i == 0 ? start_trial() : i == 1 ? request() : create_key();
  };
  constexpr int kKinds = 3;
  const auto require_all = [&](const std::string& sql, ErrorCode code) {
    const auto outcomes = behind_lock(kKinds, work, [&] { db().query(sql, tenant_id()); });
    CHECK(outcomes == std::vector<std::string>(kKinds, as_outcome(code)));
  };
  require_all("UPDATE tenants SET status = 'frozen' WHERE id = $1", ErrorCode::kTenantFrozen);
  require_all("UPDATE tenants SET status = 'archived' WHERE id = $1", ErrorCode::kTenantArchived);
  require_all("DELETE FROM tenants WHERE id = $1", ErrorCode::kNotFound);
  CHECK(value("SELECT count(*) FROM audit_log") == 1);  // of the tenant's creation
}

TEST_CASE_METHOD(AdditionsTest,
                 "an operation that is ended between its change and its entry is undone",
                 "[postgres]") {
  const Uuid key =
      value_of(store().create_api_key(everyone(), new_key(tenant_id(), "first"), some_origin())).id;
  constexpr int kLock = 4711;
  db().execute(
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " PERFORM pg_advisory_xact_lock_shared(" +
      std::to_string(kLock) +
      "); RETURN NEW; END $$;"
      "CREATE TRIGGER wait BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION wait();");
  db().query("SELECT pg_advisory_lock($1)", std::int64_t{kLock});
  const std::string before = contents();
  const std::vector<std::function<std::string()>> operations = {
      [&] { return start_trial(); }, [&] { return request(); }, [&] { return create_key(); },
      [&] { return revoke(key); },
      [&] {
        const std::vector<AuditSubmission> events(3, submission_at("a"));
        return outcome_of([&] { return store().append_audit_events(everyone(), events); });
      }};
  for (const std::string how : {"pg_cancel_backend", "pg_terminate_backend"}) {
    for (const auto& operation : operations) {
      std::string outcome;
      std::jthread caller([&] { outcome = operation(); });
      wait_until("an entry that waits", [&] { return waiting() == 1; });
      db().execute("SELECT " + how + "(pid) FROM pg_locks WHERE NOT granted");
      caller.join();
      CAPTURE(how, outcome);
      CHECK(outcome.find(how == "pg_cancel_backend" ? "57014" : "57P01") != std::string::npos);
      CHECK(contents() == before);
    }
  }
  db().query("SELECT pg_advisory_unlock($1)", std::int64_t{kLock});
  for (const auto& operation : operations) CHECK_FALSE(operation().empty());
  CHECK(contents() != before);
}

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
  const auto results = run_in_threads(kCallers, [&](int i) {
    if (i > 0)
      return outcome_of(
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

TEST_CASE_METHOD(AdditionsTest, "api_keys: a scope that another program left NULL is none",
                 "[postgres]") {
  CHECK(value_of(store().create_api_key(everyone(), new_key(tenant_id(), "key"), some_origin()))
            .scopes == Scopes{"audit:write"});
  db().execute("UPDATE api_keys SET scopes = ARRAY[NULL, 'a', NULL, 'b']");
  CHECK(value_of(store().api_keys(everyone(), tenant_id(), false)).at(0).scopes ==
        Scopes{"a", "b"});
  CHECK(store().api_keys_by_prefix("bp_abcdefgh", {}).at(0).key.scopes == Scopes{"a", "b"});
}

TEST_CASE_METHOD(AdditionsTest, "api keys: a role that may read no hash does all but verify",
                 "[postgres]") {
  // Of the whole cluster, so with a name that no other test has; its rights go with the database.
  const std::string role = "no_hash_in_" + name();
  db().execute("CREATE ROLE " + role + "; GRANT SELECT, INSERT, UPDATE ON tenants, audit_log TO " +
               role + "; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + role +
               "; GRANT INSERT, UPDATE, SELECT (id, tenant_id, product, name, scopes, prefix,"
               " created_by, last_used_at, revoked_at, created_at) ON api_keys TO " +
               role);
  PostgresStore store = store_at(url() + "&options=-c%20role%3D" + role);

  const ApiKey key =
      value_of(store.create_api_key(everyone(), new_key(tenant_id(), "key"), some_origin()));
  CHECK(value_of(store.api_keys(everyone(), tenant_id(), true)) == std::vector<ApiKey>{key});
  const KeyUse use{.key_id = key.id, .used_at = key.created_at};
  CHECK(store.note_key_uses({&use, 1}) == 1);
  CHECK(store.revoke_api_key(everyone(), key.id, some_origin()).has_value());
  CHECK(entries("api_key.revoke") == 1);
  CHECK_FALSE(outage_of([&] { return store.api_keys_by_prefix(key.prefix, {}); }).empty());
}

TEST_CASE_METHOD(AdditionsTest, "statements: a scope of NULLs has nobody", "[postgres]") {
  const auto found = [&](const auto& is_all, const auto& ids, const auto& slugs) {
    return db().query(postgres::kTenantById, is_all, ids, slugs, tenant_id()).count();
  };
  CHECK(found(true, std::nullopt, std::nullopt) == 1);
  CHECK(found(std::nullopt, std::nullopt, std::nullopt) == 0);
  CHECK(found(false, std::nullopt, "{NULL}") == 0);
  CHECK(found(std::nullopt, "{NULL}", "{}") == 0);
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

}  // namespace
}  // namespace registry::test
