// What the embedded store has of its own: its file, its schema, its seed.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "common/store/open_store.h"
#include "common/store/sqlite/schema.h"
#include "common/store/sqlite/sqlite_store.h"
#include "tests/store/parallel.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_folder.h"

namespace registry::test {
namespace {

using sqlite::ConstraintViolation;
using sqlite::SqliteStore;

const std::string kAcmeId = "00000000-0000-0000-0000-000000000001";

constexpr int kNewerVersion = sqlite::kSchemaVersion + 1;

std::string set_version(int version) {
  return "PRAGMA user_version = " + std::to_string(version) + ";";
}

class SqliteTest {
 protected:
  [[nodiscard]] std::string state_dir() const { return folder_.path() + "/a/state"; }
  [[nodiscard]] std::string file() const { return state_dir() + "/registry.db"; }
  [[nodiscard]] sqlite::Pool& pool() { return *pool_; }
  [[nodiscard]] SqliteStore& store() { return store_; }
  [[nodiscard]] FakeClock& clock() { return clock_; }

  // The single value of a query.
  template <class T = std::int64_t, class... Values>
  [[nodiscard]] T value(std::string_view sql, const Values&... values) {
    const sqlite::Pool::Lease db(*pool_);
    auto row = db->query(sql, values...);
    REQUIRE(row.step());
    return row.template get<T>(0);
  }
  template <class... Values>
  void run(std::string_view sql, const Values&... values) {
    const sqlite::Pool::Lease db(*pool_);
    db->run(sql, values...);
  }

 private:
  FakeClock clock_{*Timestamp::parse("2026-05-19T10:10:15.123456Z")};
  TempFolder folder_;
  std::shared_ptr<sqlite::Pool> pool_ = sqlite::Pool::on_disk(file(), 4, clock_);
  SqliteStore store_{pool_, clock_};
};

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

TEST_CASE_METHOD(SqliteTest, "open_store: nothing is opened before the first operation",
                 "[embedded]") {
  Config config;
  config.state_dir = state_dir();
  const auto opened = open_store(config, clock()).value();
  CHECK_FALSE(std::filesystem::exists(state_dir()));
  CHECK(opened->check_health().schema_version == sqlite::kSchemaVersion);
  CHECK(opened->check_health().kind == "sqlite");
  CHECK(std::filesystem::exists(file()));
}

TEST_CASE_METHOD(SqliteTest, "a new store has the tenant acme with its products", "[embedded]") {
  const Tenant acme = value_of(store().tenant_by_slug(everyone(), slug_of("acme")));
  CHECK(acme.id.to_string() == kAcmeId);
  CHECK(acme.name == "Acme Inc.");
  CHECK(acme.status == TenantStatus::kActive);
  CHECK(acme.kind == TenantKind::kCustomer);
  CHECK(acme.plan == "professional");
  CHECK(acme.products == std::vector<std::string>{"certifai", "compliance"});
  CHECK_FALSE(acme.trial_ends_at.has_value());
  CHECK(acme.created_at == clock().now());
  CHECK(acme.updated_at == clock().now());
  CHECK(value("SELECT count(*) FROM tenants") == 1);
}

TEST_CASE_METHOD(SqliteTest, "the store's files are for their owner only", "[embedded]") {
  REQUIRE(store().check_health().schema_version == sqlite::kSchemaVersion);
  CHECK(mode_of(state_dir()) == 0700U);
  CHECK(mode_of(file()) == 0600U);
  CHECK(mode_of(file() + "-wal") == 0600U);
}

TEST_CASE_METHOD(SqliteTest, "every connection is durable, keeps foreign keys, and waits for locks",
                 "[embedded]") {
  CHECK(value<std::string>("PRAGMA journal_mode") == "wal");
  CHECK(value("PRAGMA synchronous") == 2);  // FULL
  CHECK(value("PRAGMA foreign_keys") == 1);
  CHECK(value("PRAGMA busy_timeout") == sqlite::kBusyTimeout.count());
}

TEST_CASE_METHOD(SqliteTest, "a change is seen by every other opening of the file, also later",
                 "[embedded]") {
  const NewTenant tenant = new_customer();
  const Tenant created = value_of(store().create_tenant(tenant, some_origin())).tenant;
  SqliteStore other(sqlite::Pool::on_disk(file(), 1, clock()), clock());
  CHECK(value_of(other.tenant_by_slug(everyone(), tenant.slug)) == created);
  CHECK(value("SELECT count(*) FROM tenants") == 2);
}

TEST_CASE_METHOD(SqliteTest, "8 processes that start at once on an empty folder all succeed",
                 "[embedded]") {
  const auto statuses = run_in_processes(8, [&](int) {
    const auto acme = store().tenant_by_slug(everyone(), slug_of("acme"));
    return acme && acme->products.size() == 2 ? 0 : 1;
  });
  CHECK(statuses == std::vector<int>(8, 0));
  CHECK(value("SELECT count(*) FROM tenants") == 1);
  CHECK(value<std::string>("PRAGMA integrity_check") == "ok");
}

TEST_CASE_METHOD(SqliteTest, "8 threads that start at once on an empty folder all succeed",
                 "[embedded]") {
  const auto found = run_in_threads(8, [&](int) {
    SqliteStore own(sqlite::Pool::on_disk(file(), 1, clock()), clock());
    return own.tenant_by_slug(everyone(), slug_of("acme")).has_value() ? 1 : 0;
  });
  CHECK(found == std::vector<int>(8, 1));
}

TEST_CASE_METHOD(SqliteTest, "an empty database file is upgraded in place", "[embedded]") {
  std::filesystem::create_directories(state_dir());
  std::ofstream(file()).flush();
  CHECK(store().tenant_by_slug(everyone(), slug_of("acme")).has_value());
  CHECK(value("PRAGMA user_version") == sqlite::kSchemaVersion);
  CHECK(value<std::string>("PRAGMA journal_mode") == "wal");
}

// A file as the first version of the program left it, with a row in every table.
class OldSqliteTest : public SqliteTest {
 protected:
  OldSqliteTest() {
    std::filesystem::create_directories(state_dir());
    sqlite::Connection db(file());
    db.execute("PRAGMA journal_mode = WAL");
    db.execute(std::string(sqlite::kSchemaSql));
    db.execute(kRows);
  }

  static constexpr const char* kRows =
      "INSERT INTO tenants (id, slug, name) VALUES"
      " ('00000000-0000-0000-0000-00000000000a', 'old', 'Old');"
      "INSERT INTO tenant_products (tenant_id, product, config, expires_at, updated_at)"
      " SELECT id, 'certifai', '{\"seats\": 7}', '2026-12-31T00:00:00.000000Z',"
      " '2026-05-01T00:00:00.000001Z' FROM tenants;"
      "INSERT INTO tenant_projects (id, tenant_id, name, slug) SELECT id, id, 'P', 'p1'"
      " FROM tenants;"
      "INSERT INTO api_keys (id, tenant_id, name, hash, prefix) SELECT id, id, 'k', 'h', 'p'"
      " FROM tenants;"
      "INSERT INTO audit_log (tenant_id, action) SELECT id, 'old' FROM tenants;";
};

TEST_CASE_METHOD(OldSqliteTest, "a file of version 1 is upgraded in place and keeps its rows",
                 "[embedded]") {
  const Tenant tenant = value_of(store().tenant_by_slug(everyone(), slug_of("old")));

  CHECK(value("PRAGMA user_version") == sqlite::kSchemaVersion);
  CHECK(tenant.products == std::vector<std::string>{"certifai"});
  const Entitlement kept =
      value_of(store().entitlements(everyone(), tenant.id, std::nullopt)).at(0);
  CHECK(kept.config_json == R"({"seats": 7})");
  CHECK(kept.expires_at == Timestamp::parse("2026-12-31T00:00:00.000000Z"));
  CHECK(kept.updated_at == *Timestamp::parse("2026-05-01T00:00:00.000001Z"));
  CHECK(value_of(store().product_standings(everyone(), tenant.id)).at(0).state ==
        ProductState::kActive);
  CHECK(value_of(store().api_keys(everyone(), tenant.id, false)).size() == 1);
  CHECK(value("SELECT count(*) FROM tenants") == 1);  // acme is of new files only
  CHECK(value("SELECT count(*) FROM tenant_projects") == 1);
  CHECK(value("SELECT count(*) FROM audit_log") == 1);
  CHECK(store().request_product(everyone(), tenant.id, product_of("mapping"), {}, {}).has_value());
  CHECK(value<std::string>("PRAGMA integrity_check") == "ok");
}

TEST_CASE_METHOD(OldSqliteTest, "8 processes that start at once on a file of version 1 all succeed",
                 "[embedded]") {
  const auto statuses = run_in_processes(8, [&](int) {
    const auto tenant = store().tenant_by_slug(everyone(), slug_of("old"));
    return tenant && store().product_standings(everyone(), tenant->id)->size() == 1 ? 0 : 1;
  });
  CHECK(statuses == std::vector<int>(8, 0));
  CHECK(value("PRAGMA user_version") == sqlite::kSchemaVersion);
}

TEST_CASE_METHOD(OldSqliteTest, "an upgrade that fails leaves the file at its version",
                 "[embedded]") {
  sqlite::Connection(file()).execute(
      "ALTER TABLE tenant_products ADD COLUMN trial_started_at TEXT");
  CHECK_THROWS(store().check_health());
  sqlite::Connection db(file());
  CHECK(sqlite::schema_version(db) == 1);
  CHECK_THROWS(db.query("SELECT requested_at FROM tenant_products"));
}

TEST_CASE_METHOD(SqliteTest, "a new file has the schema of an upgraded one", "[embedded]") {
  constexpr std::string_view kColumns =
      "SELECT group_concat(name || ' ' || type) FROM pragma_table_info('tenant_products')";
  CHECK(value<std::string>(kColumns) ==
        "tenant_id TEXT,product TEXT,enabled INTEGER,config TEXT,expires_at TEXT,created_at TEXT,"
        "updated_at TEXT,requested_at TEXT,trial_started_at TEXT");
}

TEST_CASE_METHOD(SqliteTest, "a newer schema is refused and the file is left as it is",
                 "[embedded]") {
  std::filesystem::create_directories(state_dir());
  sqlite::Connection(file()).execute("CREATE TABLE tomorrow (id INTEGER);" +
                                     set_version(kNewerVersion));
  const std::string before = content_of(file());

  CHECK_THROWS_AS(store().check_health(), StoreUnavailable);
  CHECK_THROWS_AS(store().create_tenant(new_customer(), some_origin()), StoreUnavailable);

  CHECK(content_of(file()) == before);
  CHECK_FALSE(std::filesystem::exists(file() + "-wal"));
}

TEST_CASE_METHOD(SqliteTest, "a schema that becomes newer while the store is open is unhealthy",
                 "[embedded]") {
  REQUIRE(store().check_health().schema_version == sqlite::kSchemaVersion);
  sqlite::Connection(file()).execute(set_version(kNewerVersion));
  CHECK_THROWS_AS(store().check_health(), StoreUnavailable);
}

TEST_CASE_METHOD(SqliteTest, "a schema that cannot be created leaves nothing of itself",
                 "[embedded]") {
  std::filesystem::create_directories(state_dir());
  sqlite::Connection(file()).execute("CREATE TABLE audit_log (id INTEGER);");
  CHECK_THROWS(store().check_health());
  sqlite::Connection db(file());
  auto tables = db.query("SELECT count(*) FROM sqlite_schema");
  REQUIRE(tables.step());
  CHECK(tables.get<std::int64_t>(0) == 1);
  CHECK(sqlite::schema_version(db) == 0);
}

TEST_CASE_METHOD(SqliteTest, "a file that is no database is an outage and is left as it is",
                 "[embedded]") {
  std::filesystem::create_directories(state_dir());
  const std::string text = "these are somebody's notes, and they are to stay what they are\n";
  std::ofstream(file()) << text << std::flush;
  CHECK_THROWS_AS(store().check_health(), StoreUnavailable);
  CHECK(content_of(file()) == text);
}

TEST_CASE_METHOD(SqliteTest, "an outage ends by itself when its cause goes", "[embedded]") {
  const std::string obstacle = std::filesystem::path(state_dir()).parent_path().string();
  std::ofstream(obstacle).flush();
  CHECK_THROWS_AS(store().check_health(), StoreUnavailable);
  CHECK_THROWS_AS(store().tenant_by_id(everyone(), random_id()), StoreUnavailable);
  std::filesystem::remove(obstacle);
  CHECK(store().tenant_by_slug(everyone(), slug_of("acme")).has_value());
}

TEST_CASE("a full store is an outage, writes nothing, and recovers", "[embedded]") {
  FakeClock clock({0});
  const TempFolder folder;
  const auto pool = sqlite::Pool::on_disk(folder.path() + "/registry.db", 1, clock);
  SqliteStore store(pool, clock);
  {
    const sqlite::Pool::Lease db(*pool);
    db->execute("PRAGMA max_page_count = 1");  // SQLite raises it to the present size
  }
  NewTenant large = new_customer();
  large.name = std::string(100'000, 'x');

  CHECK_THROWS_AS(store.create_tenant(large, some_origin()), StoreUnavailable);
  CHECK(store.tenant_by_id(everyone(), *large.id).error().code == ErrorCode::kNotFound);
  CHECK(store.create_tenant(large, some_origin()).has_value());
}

TEST_CASE_METHOD(SqliteTest, "note_key_uses: where no key is due, nothing waits for the write lock",
                 "[embedded]") {
  const NewApiKey key{.tenant_id = *Uuid::parse(kAcmeId),
                      .product = {},
                      .name = "key",
                      .scopes = {},
                      .hash = "h",
                      .prefix = "bp_0123abcd",
                      .created_by = {}};
  const Uuid id = value_of(store().create_api_key(everyone(), key, some_origin())).id;
  const Timestamp now = clock().now();
  const std::vector<KeyUse> uses = {{id, now}, {random_id(), now}};
  CHECK(store().note_key_uses(uses) == 1);

  const sqlite::Pool::Lease other(pool());
  const sqlite::Transaction writer(*other);
  CHECK(store().note_key_uses(uses) == 0);
}

TEST_CASE_METHOD(SqliteTest, "a stored status that is none is a bug, not an answer", "[embedded]") {
  run("PRAGMA ignore_check_constraints = ON");
  run("UPDATE tenants SET status = 'unheard-of'");
  CHECK_THROWS_AS(store().tenant_by_slug(everyone(), slug_of("acme")), std::runtime_error);
}

// The rules of the schema, for whatever else writes to the database.

TEST_CASE_METHOD(SqliteTest, "schema: a tenant's slug matches ^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$",
                 "[embedded]") {
  const auto accepts = [&](std::string_view slug) {
    try {
      run("UPDATE tenants SET slug = ?1", slug);
      return true;
    } catch (const ConstraintViolation&) {
      return false;
    }
  };
  const std::string limit(40, 'a');
  for (const std::string& slug : {std::string("abc"), std::string("a-b"), std::string("0--9"),
                                  limit, "a" + std::string(38, '-') + "z"}) {
    CAPTURE(slug);
    CHECK(accepts(slug));
    CHECK(Slug::parse(slug).has_value());
  }
  for (const std::string& slug :
       {std::string(), std::string("a"), std::string("ab"), std::string("-ab"), std::string("ab-"),
        std::string("Abc"), std::string("a_b"), std::string("a b"), std::string("a.b"),
        std::string("äbc"), std::string("abc\n"), std::string("abc\0", 4), std::string("ab\0d", 4),
        std::string("---"), std::string("a]b"), std::string("a*c"), limit + "a"}) {
    CAPTURE(slug);
    CHECK_FALSE(accepts(slug));
    CHECK_FALSE(Slug::parse(slug).has_value());
  }
}

TEST_CASE_METHOD(SqliteTest, "schema: a write that breaks a rule is refused", "[embedded]") {
  const std::string broken = GENERATE(
      "UPDATE tenants SET status = 'gone'", "UPDATE tenants SET kind = 'partner'",
      "UPDATE tenants SET name = NULL", "UPDATE tenants SET plan = NULL",
      "UPDATE tenants SET id = 'ABCDEFAB-0000-0000-0000-000000000001'",
      "UPDATE tenants SET id = NULL", "UPDATE tenants SET contract_start = '2026-02-30'",
      "UPDATE tenants SET contract_end = 'soon'",
      "UPDATE tenants SET trial_ends_at = '2026-05-19 10:10:15'",
      "UPDATE tenants SET created_at = '2026-05-19T10:10:15Z'",
      "UPDATE tenant_products SET enabled = 2", "UPDATE tenant_products SET config = '{'",
      "UPDATE tenant_products SET enabled = NULL",
      "UPDATE tenant_products SET requested_at = '2026-05-19'",
      "UPDATE tenant_products SET trial_started_at = 'yesterday'",
      "UPDATE tenant_products SET product = 'certifai'",
      "INSERT INTO tenant_products (tenant_id, product) VALUES ('nobody', 'certifai')",
      "INSERT INTO tenants (id, slug, name) SELECT id, 'other', name FROM tenants",
      "INSERT INTO tenants (id, slug, name) VALUES"
      " ('00000000-0000-0000-0000-000000000002', 'acme', 'Other')",
      "INSERT INTO tenant_projects (id, tenant_id, name, slug) SELECT id, id, 'P', 'p' FROM "
      "tenants",
      "INSERT INTO tenant_idp_config (id, tenant_id, type) SELECT id, id, 'ldap' FROM tenants",
      "INSERT INTO api_keys (id, tenant_id, name, hash, prefix, scopes)"
      " SELECT id, id, 'k', 'h', 'p', '{}' FROM tenants",
      "INSERT INTO audit_log (action) VALUES (NULL)",
      "INSERT INTO audit_log (action, metadata) VALUES ('a', 'no json')");
  CAPTURE(broken);
  CHECK_THROWS_AS(run(broken), ConstraintViolation);
}

TEST_CASE_METHOD(SqliteTest, "schema: rows get the defaults that Postgres gives", "[embedded]") {
  run("INSERT INTO tenants (id, slug, name) VALUES"
      " ('00000000-0000-0000-0000-000000000002', 'defaults', 'Defaults')");
  const Tenant tenant = value_of(store().tenant_by_slug(everyone(), slug_of("defaults")));
  CHECK(tenant.status == TenantStatus::kTrial);
  CHECK(tenant.kind == TenantKind::kCustomer);
  CHECK(tenant.plan == "starter");
  CHECK(tenant.created_at == tenant.updated_at);
  run("INSERT INTO api_keys (id, tenant_id, name, hash, prefix) SELECT id, id, 'k', 'h', 'p'"
      " FROM tenants WHERE slug = 'defaults'");
  CHECK(value<std::string>("SELECT scopes FROM api_keys") == "[]");
  run("INSERT INTO audit_log (action) VALUES ('a')");
  CHECK(value<std::string>("SELECT metadata FROM audit_log") == "{}");
}

TEST_CASE_METHOD(SqliteTest, "schema: an UPDATE that forgets updated_at moves it all the same",
                 "[embedded]") {
  const std::string table =
      GENERATE("tenants", "tenant_projects", "tenant_products", "tenant_idp_config");
  CAPTURE(table);
  run("INSERT INTO tenant_projects (id, tenant_id, name, slug, updated_at)"
      " SELECT id, id, 'P', 'project', ?1 FROM tenants",
      clock().now());
  run("INSERT INTO tenant_idp_config (id, tenant_id, type, updated_at)"
      " SELECT id, id, 'oidc', ?1 FROM tenants",
      clock().now());
  const std::string select = "SELECT min(updated_at) FROM " + table;
  REQUIRE(value<Timestamp>(select) == clock().now());

  const bool recursive = GENERATE(false, true);
  run(recursive ? "PRAGMA recursive_triggers = ON" : "PRAGMA recursive_triggers = OFF");
  run("UPDATE " + table + " SET created_at = created_at");
  CHECK(value<Timestamp>(select) != clock().now());
}

TEST_CASE_METHOD(SqliteTest, "schema: an UPDATE that sets updated_at is taken at its word",
                 "[embedded]") {
  const Timestamp moment = *Timestamp::parse("2031-01-01T00:00:00.000001Z");
  run("UPDATE tenants SET updated_at = ?1", moment);
  CHECK(value<Timestamp>("SELECT updated_at FROM tenants") == moment);
}

TEST_CASE_METHOD(SqliteTest, "schema: deleting a tenant takes what it owns and leaves its trail",
                 "[embedded]") {
  const Tenant tenant = value_of(store().create_tenant(new_customer(), some_origin())).tenant;
  const std::string id = tenant.id.to_string();
  run("INSERT INTO tenant_products (tenant_id, product) VALUES (?1, 'certifai')", id);
  run("INSERT INTO tenant_projects (id, tenant_id, name, slug) VALUES (?1, ?1, 'P', 'project')",
      id);
  run("INSERT INTO tenant_idp_config (id, tenant_id, type) VALUES (?1, ?1, 'saml')", id);
  run("INSERT INTO api_keys (id, tenant_id, name, hash, prefix) VALUES (?1, ?1, 'k', 'h', 'p')",
      id);
  run("UPDATE audit_log SET project_id = ?1", id);

  run("DELETE FROM tenants WHERE id = ?1", id);

  CHECK(value("SELECT count(*) FROM tenant_products WHERE tenant_id = ?1", id) == 0);
  CHECK(value("SELECT count(*) FROM tenant_products") == 2);
  CHECK(value("SELECT count(*) FROM tenant_projects") == 0);
  CHECK(value("SELECT count(*) FROM tenant_idp_config") == 0);
  CHECK(value("SELECT count(*) FROM api_keys") == 0);
  CHECK(value("SELECT count(*) FROM audit_log WHERE tenant_id IS NULL AND project_id IS NULL"
              " AND target_id = ?1",
              id) == 1);
}

TEST_CASE_METHOD(SqliteTest, "schema: the id of an audit entry is never given out again",
                 "[embedded]") {
  run("INSERT INTO audit_log (action) VALUES ('first')");
  const auto first = value("SELECT max(id) FROM audit_log");
  run("DELETE FROM audit_log");
  run("INSERT INTO audit_log (action) VALUES ('second')");
  CHECK(value("SELECT max(id) FROM audit_log") == first + 1);
}

TEST_CASE_METHOD(SqliteTest, "schema: every index and trigger has its name", "[embedded]") {
  for (const char* name :
       {"tenants_status_idx", "tenants_kind_idx", "tenants_trial_ends_idx",
        "tenant_projects_tenant_idx", "tenant_products_product_idx", "tenant_idp_config_tenant_idx",
        "api_keys_tenant_idx", "api_keys_prefix_idx", "audit_log_tenant_idx",
        "audit_log_product_idx", "audit_log_actor_idx", "audit_log_action_idx",
        "audit_log_tenant_action_idx", "tenants_touch_updated_at",
        "tenant_projects_touch_updated_at", "tenant_products_touch_updated_at",
        "tenant_idp_config_touch_updated_at"}) {
    CAPTURE(name);
    CHECK(value("SELECT count(*) FROM sqlite_schema WHERE name = ?1", name) == 1);
  }
}

}  // namespace
}  // namespace registry::test
