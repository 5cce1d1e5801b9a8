// What the Postgres store has of its own: its schema, its connections, its outages.
#include <algorithm>
#include <chrono>
#include <thread>

#include "common/store/open_store.h"
#include "common/store/postgres/postgres_store.h"
#include "tests/store/postgres_backend.h"
#include "tests/store/postgres_fixture.h"
#include "tests/store/store_fixture.h"
#include "tests/support/service.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

using postgres::ErrorReport;
using postgres::PostgresStore;
using postgres::SqlError;

const std::string kTenantId = "00000000-0000-0000-0000-00000000000a";
const std::string kProjectId = "00000000-0000-0000-0000-00000000000b";

// With rows, and with what the schema says to further ones.
class SchemaTest : public PostgresTest {
 protected:
  // What a statement is refused for.
  [[nodiscard]] ErrorReport refusal_of(const std::string& sql) {
    try {
      db().execute(sql);
    } catch (const SqlError& error) {
      return error.report();
    }
    return {};
  }

  // One row in every table, all of one tenant.
  void insert_everywhere() {
    db().execute("INSERT INTO tenants (id, slug, name) VALUES ('" + kTenantId +
                 "', 'acme', 'Acme'); INSERT INTO tenant_projects (id, tenant_id, name, slug)"
                 " VALUES ('" +
                 kProjectId + "', '" + kTenantId +
                 "', 'One', 'one');"
                 "INSERT INTO tenant_products (tenant_id, product) VALUES ('" +
                 kTenantId +
                 "', 'certifai'); INSERT INTO tenant_idp_config (tenant_id, type) VALUES ('" +
                 kTenantId +
                 "', 'oidc'); INSERT INTO api_keys (tenant_id, name, hash, prefix)"
                 " VALUES ('" +
                 kTenantId +
                 "', 'key', 'hash', 'prefix');"
                 "INSERT INTO audit_log (tenant_id, project_id, action)"
                 " VALUES ('" +
                 kTenantId + "', '" + kProjectId + "', 'tenant.create')");
  }
};

std::string outage_of_reading(Store& store) {
  return outage_of([&] { return store.tenant_by_id(everyone(), random_id()); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE_METHOD(PostgresTest, "open_store: it connects before the first operation, not earlier",
                 "[postgres]") {
  Config config;
  config.database_url = url();
  const SystemClock clock;
  const auto opened = open_store(config, clock).value();
  CHECK(sessions() == 0);
  CHECK(opened->check_health().kind == "postgres");
  CHECK(opened->check_health().schema_version == postgres::kNeededSchemaVersion);
  CHECK(sessions() == 1);
}

TEST_CASE_METHOD(SchemaTest, "schema: a row goes into every table, with the defaults",
                 "[postgres]") {
  insert_everywhere();
  const auto is_default = [&](const std::string& table, const std::string& condition) {
    CAPTURE(table, condition);
    CHECK(value("SELECT count(*) FROM " + table) == 1);
    CHECK(value("SELECT count(*) FROM " + table + " WHERE created_at <= now() AND " + condition) ==
          1);
  };
  is_default("tenants",
             "status = 'trial' AND kind = 'customer' AND plan = 'starter'"
             " AND erp_customer_id IS NULL AND trial_ends_at IS NULL AND updated_at = created_at");
  is_default("tenant_projects", "status = 'active' AND updated_at = created_at");
  is_default("tenant_products",
             "enabled AND config = '{}' AND expires_at IS NULL AND updated_at = created_at");
  is_default("tenant_idp_config", "metadata = '{}' AND NOT verified AND updated_at = created_at");
  is_default("api_keys", "scopes = '{}' AND product IS NULL AND revoked_at IS NULL");
  is_default("audit_log", "metadata = '{}' AND id = 1 AND source_ip IS NULL");
}

TEST_CASE_METHOD(SchemaTest, "schema: a tenant takes its rows along, but not its audit entries",
                 "[postgres]") {
  insert_everywhere();
  db().execute("DELETE FROM tenants");
  for (const std::string table :
       {"tenant_projects", "tenant_products", "tenant_idp_config", "api_keys"}) {
    CAPTURE(table);
    CHECK(value("SELECT count(*) FROM " + table) == 0);
  }
  CHECK(value("SELECT count(*) FROM audit_log WHERE tenant_id IS NULL AND project_id IS NULL"
              " AND action = 'tenant.create'") == 1);
}

TEST_CASE_METHOD(SchemaTest, "schema: a project leaves its audit entries to the tenant",
                 "[postgres]") {
  insert_everywhere();
  db().execute("DELETE FROM tenant_projects");
  CHECK(value("SELECT count(*) FROM audit_log WHERE tenant_id IS NOT NULL"
              " AND project_id IS NULL") == 1);
}

TEST_CASE_METHOD(SchemaTest, "schema: a slug that breaks the rule is refused", "[postgres]") {
  insert_everywhere();
  const std::string too_long(41, 'a');
  const auto slug = GENERATE_COPY(as<std::string>(), "", "a", too_long, "-abc", "abc-", "Abc",
                                  "a_b", "a b", "äbc", "abc\n");
  CAPTURE(slug);
  const auto tenant = refusal_of("INSERT INTO tenants (slug, name) VALUES ('" + slug + "', 'A')");
  CHECK(tenant.sqlstate == "23514");
  CHECK(tenant.constraint == "tenants_slug_check");
  const auto project = refusal_of("INSERT INTO tenant_projects (tenant_id, name, slug) VALUES ('" +
                                  kTenantId + "', 'A', '" + slug + "')");
  CHECK(project.sqlstate == "23514");
  CHECK(project.constraint == "tenant_projects_slug_check");
}

TEST_CASE_METHOD(SchemaTest, "schema: the shortest and longest slug are taken", "[postgres]") {
  insert_everywhere();
  for (const std::string& slug : {std::string(3, '0'), std::string(40, 'z'), std::string("a-9")}) {
    CAPTURE(slug);
    CHECK(refusal_of("INSERT INTO tenants (slug, name) VALUES ('" + slug + "', 'A')")
              .sqlstate.empty());
  }
  // A project's may be shorter.
  CHECK(refusal_of("INSERT INTO tenants (slug, name) VALUES ('ab', 'A')").sqlstate == "23514");
  CHECK(refusal_of("INSERT INTO tenant_projects (tenant_id, name, slug) VALUES ('" + kTenantId +
                   "', 'A', 'ab')")
            .sqlstate.empty());
}

TEST_CASE_METHOD(SchemaTest, "schema: no update leaves updated_at alone", "[postgres]") {
  insert_everywhere();
  const std::string table = GENERATE(as<std::string>(), "tenants", "tenant_projects",
                                     "tenant_products", "tenant_idp_config");
  CAPTURE(table);
  db().execute("UPDATE " + table + " SET created_at = created_at, updated_at = 'epoch'");
  CHECK(value("SELECT count(*) FROM " + table + " WHERE updated_at > created_at") == 1);
}

TEST_CASE_METHOD(PostgresTest, "a host that refuses is passed over for the next", "[postgres]") {
  const int dead_port = free_port();
  PostgresStore store =
      store_at("postgresql://registry@127.0.0.1:" + std::to_string(dead_port) + "," +
               shared_cluster().tcp_address() + "/" + name() + "?target_session_attrs=read-write");
  CHECK(store.check_health().kind == "postgres");
  CHECK(store.create_tenant(new_customer(), some_origin()).has_value());
}

TEST_CASE("postgres: while the server is away it is an outage, and over as soon as it is back",
          "[postgres]") {
  PostgresCluster cluster;
  PostgresStore store = store_at(cluster.url(cluster.create_registry_database()));
  const auto how = GENERATE(PostgresCluster::Stop::kFast, PostgresCluster::Stop::kImmediate);
  const NewTenant tenant = new_customer();
  CHECK(store.create_tenant(tenant, some_origin()).has_value());

  cluster.stop(how);
  CHECK_FALSE(outage_of_reading(store).empty());
  CHECK_FALSE(outage_of([&] { return store.check_health(); }).empty());
  cluster.start();

  wait_until("the store's return", [&] { return outage_of_reading(store).empty(); });
  CHECK(value_of(store.tenant_by_id(everyone(), *tenant.id)).slug == tenant.slug.str());
}

TEST_CASE_METHOD(PostgresTest, "connections that were ended while idle cost no caller anything",
                 "[postgres]") {
  PostgresStore store = store_at(url());
  for (int round = 0; round < 5; ++round) {
    CHECK(store.create_tenant(new_customer(), some_origin()).has_value());
    CHECK(sessions() == 1);
    end_sessions();
  }
}

TEST_CASE("postgres: a database that nobody migrated is an outage that says what to do",
          "[postgres]") {
  const std::string name = shared_cluster().create_database();
  PostgresStore store = store_at(shared_cluster().url(name));
  const std::string outage = outage_of([&] { return store.check_health(); });
  CHECK(contains(outage, "no version"));
  CHECK(contains(outage, "needs version " + std::to_string(postgres::kNeededSchemaVersion)));
  CHECK(contains(outage, "migrate"));
  CHECK_FALSE(outage_of_reading(store).empty());
  shared_cluster().drop_database(name);
}

TEST_CASE_METHOD(PostgresTest, "check_health: a migration that stopped half-way is an outage",
                 "[postgres]") {
  PostgresStore store = store_at(url());
  db().execute("UPDATE schema_migrations SET dirty = true, version = " +
               std::to_string(postgres::kNeededSchemaVersion));
  CHECK(contains(outage_of([&] { return store.check_health(); }), "(dirty)"));
}

TEST_CASE_METHOD(PostgresTest, "check_health: a schema newer than the program is none of its worry",
                 "[postgres]") {
  PostgresStore store = store_at(url());
  db().execute("UPDATE schema_migrations SET version = 9999");
  CHECK(store.check_health().schema_version == 9999);
  SECTION("also while a migration after it is on its way") {
    db().execute("UPDATE schema_migrations SET dirty = true");
    CHECK(store.check_health().schema_version == 9999);
  }
}

TEST_CASE_METHOD(PostgresTest, "a row that another session has locked is an outage, and soon",
                 "[postgres]") {
  PostgresStore store = store_at(url() + "&options=-c%20lock_timeout%3D100");
  const Uuid id = value_of(store.create_tenant(new_customer(), some_origin())).tenant.id;
  {
    const postgres::Transaction holder(db());
    db().query("SELECT FROM tenants WHERE id = $1 FOR UPDATE", id);
    const auto start = std::chrono::steady_clock::now();
    CHECK(
        contains(outage_of([&] { return store.cancel_tenant(everyone(), id, {}, some_origin()); }),
                 "55P03"));
    CHECK(std::chrono::steady_clock::now() - start < postgres::kLockTimeout);
    CHECK(value_of(store.tenant_by_id(everyone(), id)).status ==
          TenantStatus::kTrial);  // reading goes on
  }
  CHECK(value_of(store.cancel_tenant(everyone(), id, {}, some_origin())).status ==
        TenantStatus::kFrozen);
  CHECK(value("SELECT count(*) FROM audit_log WHERE action = 'tenant.cancel'") == 1);
}

TEST_CASE_METHOD(PostgresTest, "a statement that takes too long is an outage, and undone",
                 "[postgres]") {
  PostgresStore store = store_at(url() + "&options=-c%20statement_timeout%3D100");
  {
    const postgres::Transaction holder(db());
    db().execute("LOCK TABLE audit_log");
    CHECK(contains(outage_of([&] { return store.create_tenant(new_customer(), some_origin()); }),
                   "57014"));
  }
  CHECK(value("SELECT count(*) FROM tenants") == 0);
  CHECK(store.create_tenant(new_customer(), some_origin()).has_value());
}

TEST_CASE_METHOD(PostgresTest, "a server that takes no writes is an outage to writers alone",
                 "[postgres]") {
  PostgresStore store = store_at(url() + "&options=-c%20default_transaction_read_only%3Don");
  CHECK(contains(outage_of([&] { return store.create_tenant(new_customer(), some_origin()); }),
                 "25006"));
  CHECK(code_of(store.tenant_by_id(everyone(), random_id())) == ErrorCode::kNotFound);
  CHECK(contains(outage_of([&] { return store.check_health(); }), "read-only"));
}

TEST_CASE_METHOD(PostgresTest, "days that other programs stored are told and changed as known ones",
                 "[postgres]") {
  PostgresStore store = store_at(url());
  const Uuid id = value_of(store.create_tenant(new_customer(), some_origin())).tenant.id;
  const auto store_end = [&](const char* day) {
    db().query("UPDATE tenants SET status = 'trial', contract_end = $2::date WHERE id = $1", id,
               day);
  };
  Activation activation;

  store_end("infinity");
  activation.contract_end = date_of("9999-12-31");
  CHECK(value_of(store.activate_tenant(everyone(), id, activation, some_origin())).contract_end ==
        date_of("9999-12-31"));
  CHECK(value("SELECT count(*) FROM audit_log WHERE metadata ? 'changes'") == 0);

  store_end("0044-03-15 BC");
  activation = {};
  activation.contract_start = date_of("0001-01-01");
  const Tenant active = value_of(store.activate_tenant(everyone(), id, activation, some_origin()));
  CHECK(active.contract_end == date_of("0001-01-01"));
  CHECK(value_of(store.tenant_by_id(everyone(), id)) == active);

  store_end("-infinity");
  const Tenant frozen = value_of(store.cancel_tenant(everyone(), id, {}, some_origin()));
  CHECK(frozen.contract_end == date_of("0001-01-01"));
  CHECK(value_of(store.tenant_by_id(everyone(), id)) == frozen);
}

TEST_CASE_METHOD(PostgresTest, "a change that waited has the time of its turn in the trail",
                 "[postgres]") {
  PostgresStore store = store_at(url());
  const Uuid id = value_of(store.create_tenant(new_customer(), some_origin())).tenant.id;
  std::jthread changer;
  Timestamp turn;
  {
    const postgres::Transaction holder(db());
    db().query("SELECT FROM tenants WHERE id = $1 FOR UPDATE", id);
    changer = std::jthread(
        [&] { static_cast<void>(store.cancel_tenant(everyone(), id, {}, some_origin())); });
    wait_until("a change that waits for the row",
               [&] { return db().query("SELECT FROM pg_locks WHERE NOT granted").count() > 0; });
    turn = db().query("SELECT clock_timestamp()").get<Timestamp>(0, 0);
  }
  changer.join();
  CHECK(db().query("SELECT max(created_at) FROM audit_log").get<Timestamp>(0, 0) > turn);
}

TEST_CASE_METHOD(PostgresTest, "through PgBouncer two processes share one connection of the server",
                 "[postgres]") {
  const PgBouncer pooler(shared_cluster(), 1);
  PostgresStore one = store_at(pooler.url(name()), 1);
  PostgresStore other = store_at(pooler.url(name()), 1);
  for (int round = 0; round < 5; ++round) {
    const NewTenant tenant = new_customer();
    const Tenant created = value_of(one.create_tenant(tenant, some_origin())).tenant;
    CHECK(value_of(other.create_tenant(tenant, some_origin())).replayed);
    CHECK(value_of(other.activate_tenant(everyone(), *tenant.id, {}, some_origin())).slug ==
          created.slug);
    CHECK(value_of(one.cancel_tenant(everyone(), *tenant.id, {}, some_origin())).slug ==
          created.slug);
    CHECK(value_of(other.entitlements(everyone(), *tenant.id, {})).empty());
    CHECK(one.check_health().schema_version == other.check_health().schema_version);
  }
  CHECK(sessions() == 1);
}

TEST_CASE_METHOD(PostgresTest, "through PgBouncer an ended connection of the server is replaced",
                 "[postgres]") {
  const PgBouncer pooler(shared_cluster(), 2);
  PostgresStore store = store_at(pooler.url(name()));
  for (int round = 0; round < 5; ++round) {
    end_sessions();
    wait_until("the store's return", [&] { return outage_of_reading(store).empty(); });
  }
}

TEST_CASE("postgres: lists are sorted by byte value, whatever the database's collation",
          "[postgres]") {
  PostgresCluster& cluster = shared_cluster();
  const std::string name = "test_of_collation";
  cluster.sql("postgres", "CREATE DATABASE " + name +
                              " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
                              " LOCALE 'C.UTF-8'");
  REQUIRE(run_program({.arguments = {build_folder() + "/migrations/migrate", "up"},
                       .environment = {{"DATABASE_URL", cluster.url(name)}}})
              .exit_code == 0);
  REQUIRE(cluster.sql(name, "SELECT 'a' < 'B', 'a_b' < 'a-b'") == "t|t\n");  // not by bytes
  {
    const auto backend = attach_postgres_backend(cluster.url(name));
    Store& store = backend->store();
    const Tenant tenant = value_of(store.create_tenant(new_customer(), some_origin())).tenant;
    const std::vector<std::string> sorted = {"a-b", "a.b", "a:b", "a_b", "ab", "b"};
    for (auto product = sorted.rbegin(); product != sorted.rend(); ++product) {
      backend->insert_entitlement({.tenant_id = tenant.id, .product = *product});
    }
    std::vector<std::string> listed;
    const auto entitlements = value_of(store.entitlements(everyone(), tenant.id, {}));
    for (const Entitlement& entitlement : entitlements) listed.push_back(entitlement.product);
    CHECK(listed == sorted);
    CHECK(value_of(store.tenant_by_id(everyone(), tenant.id)).products == sorted);
  }
  cluster.drop_database(name);
}

}  // namespace
}  // namespace registry::test
