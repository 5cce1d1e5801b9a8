#include "tests/store/postgres_backend.h"

#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "common/store/postgres/postgres_store.h"
#include "tests/support/postgres.h"

namespace registry::test {
namespace {

using postgres::Connection;
using postgres::Pool;
using postgres::Rows;

constexpr std::string_view kDamage =
    "SELECT 'a foreign key without its row' FROM audit_log a"
    " WHERE tenant_id IS NOT NULL AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = a.tenant_id)"
    " UNION ALL SELECT 'an invalid index ' || indexrelid::regclass::text FROM pg_index"
    " WHERE NOT indisvalid LIMIT 1";

std::unique_ptr<Connection> open_session(const std::string& url) {
  return std::make_unique<Connection>(
      postgres::ConnectionSettings{.url = url, .application_name = "test arrangement"});
}

// A new database of the shared cluster with the registry's schema, gone with its owner.
class FreshDatabase {
 public:
  FreshDatabase() : name_(shared_cluster().create_registry_database()) {}
  FreshDatabase(const FreshDatabase&) = delete;
  FreshDatabase& operator=(const FreshDatabase&) = delete;
  ~FreshDatabase() {
    try {
      shared_cluster().drop_database(name_);
    } catch (const std::exception&) {
      // It takes room until the cluster goes, and is in nobody's way.
    }
  }

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class PostgresBackend final : public Backend {
 public:
  // A database of its own, which the store reaches by another URL.
  PostgresBackend(std::unique_ptr<FreshDatabase> database, std::string store_url)
      : database_(std::move(database)),
        url_(shared_cluster().url(database_->name())),
        pool_(std::make_shared<Pool>(std::move(store_url), kConnections)) {}

  // A database that others have in use.
  explicit PostgresBackend(const std::string& url)
      : url_(url), pool_(std::make_shared<Pool>(url, kConnections)) {}

  Store& store() override { return store_; }
  FakeClock* settable_clock() override { return nullptr; }

  void set_status(const Uuid& tenant_id, TenantStatus status) override {
    static_cast<void>(db().query("UPDATE tenants SET status = $2::tenant_status WHERE id = $1",
                                 tenant_id, to_string(status)));
  }

  void insert_entitlement(const EntitlementRow& row) override {
    static_cast<void>(
        db().query("INSERT INTO tenant_products (tenant_id, product, enabled, config, expires_at,"
                   " requested_at, trial_started_at) VALUES ($1, $2, $3::boolean, $4::jsonb,"
                   " $5::timestamptz, $6::timestamptz, $7::timestamptz)",
                   row.tenant_id, row.product, row.enabled, row.config_json, row.expires_at,
                   row.requested_at, row.trial_started_at));
  }

  void decide_entitlement(const Uuid& tenant_id, const std::string& product, bool enabled,
                          const std::optional<Timestamp>& expires_at) override {
    static_cast<void>(
        db().query("UPDATE tenant_products SET enabled = $3::boolean, expires_at = $4::timestamptz"
                   " WHERE tenant_id = $1 AND product = $2",
                   tenant_id, product, enabled, expires_at));
  }

  void set_api_key_hash(const Uuid& key_id, const std::string& hash) override {
    static_cast<void>(db().query("UPDATE api_keys SET hash = $2 WHERE id = $1", key_id, hash));
  }

  Uuid insert_project(const Uuid& tenant_id, const std::string& slug) override {
    const Rows rows = db().query(
        "INSERT INTO tenant_projects (tenant_id, name, slug) VALUES ($1, $2, $2) RETURNING id",
        tenant_id, slug);
    return rows.get<Uuid>(0, 0);
  }

  void delete_tenant(const Uuid& tenant_id) override {
    static_cast<void>(db().query("DELETE FROM tenants WHERE id = $1", tenant_id));
  }

  std::vector<AuditEvent> audit_trail(const Uuid& tenant_id) override {
    const Rows rows = db().query(
        "SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
        " target_id, target_type, target_name, product, metadata::text, host(source_ip), user_agent"
        " FROM audit_log WHERE tenant_id = $1 ORDER BY id",
        tenant_id);
    std::vector<AuditEvent> trail;
    for (int row = 0; row < rows.count(); ++row) {
      trail.push_back({.id = rows.get<std::int64_t>(row, 0),
                       .created_at = rows.get<Timestamp>(row, 1),
                       .event = {.tenant_id = rows.get<std::optional<Uuid>>(row, 2),
                                 .project_id = rows.get<std::optional<Uuid>>(row, 3),
                                 .actor_id = text(rows, row, 4),
                                 .actor_name = text(rows, row, 5),
                                 .actor_type = text(rows, row, 6),
                                 .action = rows.get<std::string>(row, 7),
                                 .target_id = text(rows, row, 8),
                                 .target_type = text(rows, row, 9),
                                 .target_name = text(rows, row, 10),
                                 .product = text(rows, row, 11),
                                 .metadata_json = rows.get<std::string>(row, 12),
                                 .source_ip = text(rows, row, 13),
                                 .user_agent = text(rows, row, 14)}});
    }
    return trail;
  }

  RowCounts row_counts() override {
    const Rows rows = db().query(
        "SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM tenant_products),"
        " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM audit_log),"
        " coalesce(greatest((SELECT max(updated_at) FROM tenants),"
        "                   (SELECT max(updated_at) FROM tenant_products),"
        "                   (SELECT max(revoked_at) FROM api_keys))::text, '')");
    return {.tenants = rows.get<std::int64_t>(0, 0),
            .entitlements = rows.get<std::int64_t>(0, 1),
            .api_keys = rows.get<std::int64_t>(0, 2),
            .audit_events = rows.get<std::int64_t>(0, 3),
            .last_update = rows.get<std::string>(0, 4)};
  }

  std::string damage() override {
    const Rows rows = db().query(kDamage);
    return rows.count() == 0 ? "" : rows.get<std::string>(0, 0);
  }

 private:
  static std::optional<std::string> text(const Rows& rows, int row, int column) {
    return rows.get<std::optional<std::string>>(row, column);
  }

  // A session of the test's own, opened when it is first needed.
  Connection& db() {
    if (!session_ || session_->is_stale()) session_ = open_session(url_);
    return *session_;
  }

  std::unique_ptr<FreshDatabase> database_;  // null: not ours
  std::string url_;
  std::shared_ptr<Pool> pool_;
  postgres::PostgresStore store_{pool_};
  std::unique_ptr<Connection> session_;
};

}  // namespace

std::unique_ptr<Backend> make_postgres_backend() {
  auto database = std::make_unique<FreshDatabase>();
  const std::string url = shared_cluster().url(database->name());
  return std::make_unique<PostgresBackend>(std::move(database), url);
}

std::unique_ptr<Backend> make_pgbouncer_backend() {
  auto database = std::make_unique<FreshDatabase>();
  const std::string url = shared_pgbouncer().url(database->name());
  return std::make_unique<PostgresBackend>(std::move(database), url);
}

std::unique_ptr<Backend> attach_postgres_backend(const std::string& url) {
  return std::make_unique<PostgresBackend>(url);
}

}  // namespace registry::test
