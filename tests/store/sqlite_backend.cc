#include "tests/store/sqlite_backend.h"

#include <string_view>
#include <utility>

#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/sqlite_store.h"
#include "tests/support/temp_folder.h"

namespace registry::test {
namespace {

using sqlite::random_uuid;
using sqlite::Statement;

constexpr Timestamp kStart{1'779'185'415'123'456};  // 2026-05-19T10:10:15.123456Z

class SqliteBackend final : public Backend {
 public:
  explicit SqliteBackend(std::unique_ptr<TempFolder> folder)
      : folder_(std::move(folder)),
        pool_(folder_ ? sqlite::Pool::on_disk(folder_->path() + "/state/registry.db", kConnections,
                                              clock_)
                      : sqlite::Pool::in_memory(clock_)) {}

  // A database that others have in use; the clock stands at the time of the call.
  explicit SqliteBackend(const std::string& file)
      : clock_(SystemClock().now()), pool_(sqlite::Pool::on_disk(file, kConnections, clock_)) {}

  Store& store() override { return store_; }
  FakeClock* settable_clock() override { return &clock_; }

  void set_status(const Uuid& tenant_id, TenantStatus status) override {
    const sqlite::Pool::Lease db(*pool_);
    // With an updated_at that moves, for the trigger would else take it from the machine's clock.
    clock_.advance_us(1);
    db->run("UPDATE tenants SET status = ?2, updated_at = ?3 WHERE id = ?1", tenant_id,
            to_string(status), clock_.now());
  }

  void insert_entitlement(const EntitlementRow& row) override {
    const sqlite::Pool::Lease db(*pool_);
    db->run(
        "INSERT INTO tenant_products (tenant_id, product, enabled, config, expires_at,"
        " requested_at, trial_started_at, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        row.tenant_id, row.product, row.enabled, row.config_json, row.expires_at, row.requested_at,
        row.trial_started_at, clock_.now());
  }

  void decide_entitlement(const Uuid& tenant_id, const std::string& product, bool enabled,
                          const std::optional<Timestamp>& expires_at) override {
    const sqlite::Pool::Lease db(*pool_);
    clock_.advance_us(1);
    db->run(
        "UPDATE tenant_products SET enabled = ?3, expires_at = ?4, updated_at = ?5"
        " WHERE tenant_id = ?1 AND product = ?2",
        tenant_id, product, enabled, expires_at, clock_.now());
  }

  void set_api_key_hash(const Uuid& key_id, const std::string& hash) override {
    const sqlite::Pool::Lease db(*pool_);
    db->run("UPDATE api_keys SET hash = ?2 WHERE id = ?1", key_id, hash);
  }

  Uuid insert_project(const Uuid& tenant_id, const std::string& slug) override {
    const sqlite::Pool::Lease db(*pool_);
    const Uuid id = random_uuid(*db);
    db->run("INSERT INTO tenant_projects (id, tenant_id, name, slug) VALUES (?1, ?2, ?3, ?3)", id,
            tenant_id, slug);
    return id;
  }

  void delete_tenant(const Uuid& tenant_id) override {
    const sqlite::Pool::Lease db(*pool_);
    db->run("DELETE FROM tenants WHERE id = ?1", tenant_id);
  }

  std::vector<AuditEvent> audit_trail(const Uuid& tenant_id) override {
    const sqlite::Pool::Lease db(*pool_);
    Statement row = db->query(
        "SELECT id, created_at, tenant_id, project_id, actor_id, actor_name, actor_type, action,"
        " target_id, target_type, target_name, product, metadata, source_ip, user_agent"
        " FROM audit_log WHERE tenant_id = ?1 ORDER BY id",
        tenant_id);
    std::vector<AuditEvent> trail;
    while (row.step()) {
      trail.push_back({.id = row.get<std::int64_t>(0),
                       .created_at = row.get<Timestamp>(1),
                       .event = {.tenant_id = row.get<std::optional<Uuid>>(2),
                                 .project_id = row.get<std::optional<Uuid>>(3),
                                 .actor_id = row.get<std::optional<std::string>>(4),
                                 .actor_name = row.get<std::optional<std::string>>(5),
                                 .actor_type = row.get<std::optional<std::string>>(6),
                                 .action = row.get<std::string>(7),
                                 .target_id = row.get<std::optional<std::string>>(8),
                                 .target_type = row.get<std::optional<std::string>>(9),
                                 .target_name = row.get<std::optional<std::string>>(10),
                                 .product = row.get<std::optional<std::string>>(11),
                                 .metadata_json = row.get<std::string>(12),
                                 .source_ip = row.get<std::optional<std::string>>(13),
                                 .user_agent = row.get<std::optional<std::string>>(14)}});
    }
    return trail;
  }

  RowCounts row_counts() override {
    const sqlite::Pool::Lease db(*pool_);
    Statement row = db->query(
        "SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM tenant_products),"
        " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM audit_log),"
        " max((SELECT coalesce(max(updated_at), '') FROM tenants),"
        "     (SELECT coalesce(max(updated_at), '') FROM tenant_products),"
        "     (SELECT coalesce(max(revoked_at), '') FROM api_keys))");
    row.step();
    return {.tenants = row.get<std::int64_t>(0),
            .entitlements = row.get<std::int64_t>(1),
            .api_keys = row.get<std::int64_t>(2),
            .audit_events = row.get<std::int64_t>(3),
            .last_update = row.get<std::string>(4)};
  }

  std::string damage() override {
    const sqlite::Pool::Lease db(*pool_);
    Statement integrity = db->query("PRAGMA integrity_check");
    integrity.step();
    auto finding = integrity.get<std::string>(0);
    if (finding != "ok") return finding;
    return db->query("PRAGMA foreign_key_check").step() ? "a foreign key without its row" : "";
  }

 private:
  FakeClock clock_{kStart};
  std::unique_ptr<TempFolder> folder_;  // null: in memory
  std::shared_ptr<sqlite::Pool> pool_;
  sqlite::SqliteStore store_{pool_, clock_};
};

}  // namespace

std::unique_ptr<Backend> make_sqlite_memory_backend() {
  return std::make_unique<SqliteBackend>(std::unique_ptr<TempFolder>());
}

std::unique_ptr<Backend> attach_sqlite_backend(const std::string& file) {
  return std::make_unique<SqliteBackend>(file);
}

std::unique_ptr<Backend> make_sqlite_disk_backend() {
  return std::make_unique<SqliteBackend>(std::make_unique<TempFolder>());
}

}  // namespace registry::test
