#include "tests/integration/change_ledger.h"

#include <string_view>
#include <utility>

#include "common/store/postgres/connection.h"
#include "common/store/sqlite/connection.h"
#include "tests/integration/integration.h"

namespace registry::test {
namespace {

// Of one tenant, both counts; the outer join finds those that have only one of them.
constexpr std::string_view kDifferences = R"(
  WITH changes AS (
    SELECT tenant_id, count(*) AS number FROM test_changes GROUP BY tenant_id
  ), entries AS (
    SELECT tenant_id, count(*) AS number FROM audit_log
    WHERE actor_id = 'system' AND action IN ('tenant.create', 'tenant.activate', 'tenant.cancel',
      'catalog.request', 'catalog.trial_request', 'api_key.create', 'api_key.revoke')
    GROUP BY tenant_id
  )
  SELECT c.tenant_id, c.number, coalesce(e.number, 0)
  FROM changes c LEFT JOIN entries e ON e.tenant_id = c.tenant_id
  WHERE c.number <> coalesce(e.number, 0)
  UNION ALL
  SELECT e.tenant_id, 0, e.number
  FROM entries e LEFT JOIN changes c ON c.tenant_id = e.tenant_id
  WHERE c.tenant_id IS NULL)";

constexpr std::string_view kCount = "SELECT count(*) FROM test_changes";

// A revocation is the one change of a key that is audited.
constexpr const char* kSqliteTriggers = R"(
  CREATE TABLE test_changes (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL);
  CREATE TRIGGER test_tenant_insert AFTER INSERT ON tenants
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.id); END;
  CREATE TRIGGER test_tenant_update AFTER UPDATE ON tenants
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.id); END;
  CREATE TRIGGER test_product_insert AFTER INSERT ON tenant_products
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.tenant_id); END;
  CREATE TRIGGER test_product_update AFTER UPDATE ON tenant_products
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.tenant_id); END;
  CREATE TRIGGER test_key_insert AFTER INSERT ON api_keys
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.tenant_id); END;
  CREATE TRIGGER test_key_update AFTER UPDATE OF revoked_at ON api_keys
    BEGIN INSERT INTO test_changes (tenant_id) VALUES (NEW.tenant_id); END;)";

constexpr const char* kPostgresTriggers = R"(
  CREATE TABLE test_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid NOT NULL);
  CREATE FUNCTION test_note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      INSERT INTO public.test_changes (tenant_id)
      VALUES ((to_jsonb(NEW) ->> TG_ARGV[0])::uuid);
      RETURN NULL;
    END $$;
  CREATE TRIGGER test_tenant AFTER INSERT OR UPDATE ON tenants
    FOR EACH ROW EXECUTE FUNCTION test_note_change('id');
  CREATE TRIGGER test_product AFTER INSERT OR UPDATE ON tenant_products
    FOR EACH ROW EXECUTE FUNCTION test_note_change('tenant_id');
  CREATE TRIGGER test_key AFTER INSERT OR UPDATE OF revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION test_note_change('tenant_id');)";

std::string difference(const Uuid& tenant_id, std::int64_t changes, std::int64_t entries) {
  return "tenant " + tenant_id.to_string() + " has " + std::to_string(changes) + " changes and " +
         std::to_string(entries) + " audit entries of changes";
}

}  // namespace

class ChangeLedger::Database {
 public:
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  virtual ~Database() = default;
  virtual void discount(const Uuid& tenant_id) = 0;
  virtual std::int64_t change_count() = 0;
  virtual std::vector<std::string> differences() = 0;
};

namespace {

class SqliteLedger final : public ChangeLedger::Database {
 public:
  explicit SqliteLedger(const std::string& file) : db_(file) { db_.execute(kSqliteTriggers); }

  void discount(const Uuid& tenant_id) override {
    db_.run(
        "DELETE FROM test_changes"
        " WHERE id = (SELECT max(id) FROM test_changes WHERE tenant_id = ?1)",
        tenant_id);
  }

  std::int64_t change_count() override {
    auto row = db_.query(kCount);
    row.step();
    return row.get<std::int64_t>(0);
  }

  std::vector<std::string> differences() override {
    auto row = db_.query(kDifferences);
    std::vector<std::string> found;
    while (row.step()) {
      found.push_back(
          difference(row.get<Uuid>(0), row.get<std::int64_t>(1), row.get<std::int64_t>(2)));
    }
    return found;
  }

 private:
  sqlite::Connection db_;
};

// Connects anew for each question, since tests end the server now and then.
class PostgresLedger final : public ChangeLedger::Database {
 public:
  explicit PostgresLedger(std::string url) : url_(std::move(url)) {
    postgres::Connection({.url = url_}).execute(kPostgresTriggers);
  }

  void discount(const Uuid& tenant_id) override {
    [[maybe_unused]] const auto rows =
        postgres::Connection({.url = url_})
            .query(
                "DELETE FROM test_changes"
                " WHERE id = (SELECT max(id) FROM test_changes WHERE tenant_id = $1)",
                tenant_id);
  }

  std::int64_t change_count() override {
    return postgres::Connection({.url = url_}).query(kCount).get<std::int64_t>(0, 0);
  }

  std::vector<std::string> differences() override {
    const auto rows = postgres::Connection({.url = url_}).query(kDifferences);
    std::vector<std::string> found;
    for (int row = 0; row < rows.count(); ++row) {
      found.push_back(difference(rows.get<Uuid>(row, 0), rows.get<std::int64_t>(row, 1),
                                 rows.get<std::int64_t>(row, 2)));
    }
    return found;
  }

 private:
  const std::string url_;
};

}  // namespace

ChangeLedger::ChangeLedger(const Service& service) {
  // Makes the embedded store's file, where no function has done so yet.
  static_cast<void>(attach_database(service)->row_counts());
  const std::string url = service.database_url();
  if (url.empty()) {
    database_ = std::make_unique<SqliteLedger>(service.database_path());
  } else {
    database_ = std::make_unique<PostgresLedger>(url);
  }
}

ChangeLedger::~ChangeLedger() = default;

void ChangeLedger::discount(const Uuid& tenant_id) {
  database_->discount(tenant_id);
}

std::int64_t ChangeLedger::change_count() {
  return database_->change_count();
}

std::vector<std::string> ChangeLedger::differences() {
  return database_->differences();
}

ChangeLedger& shared_ledger() {
  static ChangeLedger ledger(shared_service());
  return ledger;
}

}  // namespace registry::test
