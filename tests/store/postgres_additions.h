#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/store/parallel.h"
#include "tests/store/postgres_fixture.h"
#include "tests/store/store_fixture.h"
#include "tests/support/wait.h"

// What the tests share of requests, trials, keys and entries of the trail in Postgres alone.
namespace registry::test {

inline constexpr int kWaiters = 16;

// What came of an operation: "done", the code of its failure as a number, or the outage.
template <class Operation>
std::string outcome_text(const Operation& operation) {
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

inline std::string as_outcome(ErrorCode code) {
  return std::to_string(static_cast<int>(code));
}

inline NewApiKey new_key(const Uuid& tenant_id, std::string name) {
  return {.tenant_id = tenant_id,
          .product = {},
          .name = std::move(name),
          .scopes = {"audit:write"},
          .hash = "argon2id|c2FsdA|aGFzaA",
          .prefix = "bp_abcdefgh",
          .created_by = {}};
}

inline AuditSubmission submission_at(std::string action, std::string place = "") {
  AuditSubmission submission;
  submission.event.action = std::move(action);
  submission.hash_tail = submission.event.action + ":::::0:0:::";
  submission.place = std::move(place);
  return submission;
}

// A tenant, and a store with a connection for each of many callers, who may wait for its row.
class AdditionsTest : public PostgresTest {
 protected:
  [[nodiscard]] postgres::PostgresStore& store() { return store_; }
  [[nodiscard]] const Uuid& tenant_id() const { return tenant_id_; }
  [[nodiscard]] const ProductId& product() const { return product_; }

  [[nodiscard]] std::string start_trial() {
    return outcome_text([&] {
      return store_.start_trial(everyone(), tenant_id_, product_, kTrialDays, some_origin());
    });
  }
  [[nodiscard]] std::string request() {
    return outcome_text([&] {
      return store_.request_product(everyone(), tenant_id_, product_, {}, some_origin());
    });
  }
  // The moment that a request is given; else what came of it.
  [[nodiscard]] std::string requested_at() {
    std::string moment;
    const std::string outcome = outcome_text([&] {
      auto result = store_.request_product(everyone(), tenant_id_, product_, {}, some_origin());
      if (result) moment = result->to_string();
      return result;
    });
    return moment.empty() ? outcome : moment;
  }
  [[nodiscard]] std::string create_key() {
    return outcome_text([&] {
      return store_.create_api_key(everyone(), new_key(tenant_id_, "key"), some_origin());
    });
  }
  [[nodiscard]] std::string revoke(const Uuid& key_id) {
    return outcome_text([&] { return store_.revoke_api_key(everyone(), key_id, some_origin()); });
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
      postgres::Transaction holder(db());
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
  postgres::PostgresStore store_ =
      store_at(url() + "&options=-c%20lock_timeout%3D20s%20-c%20statement_timeout%3D20s", kWaiters);
  Uuid tenant_id_ = value_of(store_.create_tenant(new_customer(), some_origin())).tenant.id;
  ProductId product_ = product_of("certifai");
};

}  // namespace registry::test
