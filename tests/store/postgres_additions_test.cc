// What requests, trials and keys meet in Postgres alone: other transactions that hold a lock, end,
// or change what a statement's snapshot still shows.
#include "tests/store/postgres_additions.h"

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/store/postgres/tenant_statements.h"

namespace registry::test {
namespace {

using postgres::PostgresStore;

std::vector<std::string> sorted_outcomes(std::size_t done, ErrorCode failure) {
  std::vector<std::string> outcomes(kWaiters - done, as_outcome(failure));
  outcomes.resize(kWaiters, "done");
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
  const auto outcomes = behind_lock(kWaiters, [&](int) { return start_trial(); });
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
  const auto outcomes = behind_lock(kWaiters, [&](int) { return requested_at(); });
  const auto stored =
      value<Timestamp>("SELECT requested_at FROM tenant_products WHERE NOT enabled");
  CHECK(outcomes == std::vector<std::string>(kWaiters, stored.to_string()));
  CHECK(entries("catalog.request") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "requests and trials that wait together leave one trial",
                 "[postgres]") {
  const auto outcomes =
      behind_lock(kWaiters, [&](int i) { return i % 2 == 0 ? start_trial() : request(); });
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
  const auto outcomes = behind_lock(kWaiters, [&](int) { return create_key(); });
  CHECK(sorted(outcomes) == sorted_outcomes(1, ErrorCode::kNameTaken));
  CHECK(value("SELECT count(*) FROM api_keys") == 1);
  CHECK(entries("api_key.create") == 1);
}

TEST_CASE_METHOD(AdditionsTest, "revoke_api_key: 16 that wait revoke once", "[postgres]") {
  const Uuid id =
      value_of(store().create_api_key(everyone(), new_key(tenant_id(), "key"), some_origin())).id;
  const auto outcomes = behind_lock(kWaiters, [&](int) { return revoke(id); });
  CHECK(outcomes == std::vector<std::string>(kWaiters, "done"));
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
        return outcome_text([&] { return store().append_audit_events(everyone(), events); });
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

}  // namespace
}  // namespace registry::test
