#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/domain/audit_event.h"
#include "common/domain/tenant.h"
#include "common/domain/uuid.h"
#include "common/store/store.h"
#include "tests/support/fake_clock.h"

namespace registry::test {

// Of each store, at most.
inline constexpr int kConnections = 4;

// Differs after any write but that of a key's last use: rows are counted, and no update leaves
// updated_at alone.
struct RowCounts {
  std::int64_t tenants = 0;
  std::int64_t entitlements = 0;
  std::int64_t api_keys = 0;
  std::int64_t audit_events = 0;
  // The latest updated_at of a tenant or an entitlement, or revoked_at of a key.
  std::string last_update = {};

  bool operator==(const RowCounts&) const = default;
};

struct EntitlementRow {
  Uuid tenant_id;
  std::string product;
  bool enabled = true;
  std::string config_json = "{}";
  std::optional<Timestamp> expires_at = {};
  std::optional<Timestamp> requested_at = {};
  std::optional<Timestamp> trial_started_at = {};
};

// A store of one kind with a fresh database, and what tests do behind the store's back to arrange
// and to inspect it. Making one opens nothing, so that it may be taken through fork().
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual Store& store() = 0;

  // The store's clock, where a test can set it; null where the time is the database's.
  [[nodiscard]] virtual FakeClock* settable_clock() = 0;

  virtual void set_status(const Uuid& tenant_id, TenantStatus status) = 0;
  virtual void insert_entitlement(const EntitlementRow& row) = 0;
  // What an operator decides on a product that the tenant has a row for.
  virtual void decide_entitlement(const Uuid& tenant_id, const std::string& product, bool enabled,
                                  const std::optional<Timestamp>& expires_at) = 0;
  // As a program that stores another hash of the same key, or of another one, would.
  virtual void set_api_key_hash(const Uuid& key_id, const std::string& hash) = 0;
  // Gives the id of the project.
  [[nodiscard]] virtual Uuid insert_project(const Uuid& tenant_id, const std::string& slug) = 0;
  virtual void delete_tenant(const Uuid& tenant_id) = 0;
  // The entries of a tenant in the order of their ids, with their metadata as stored.
  [[nodiscard]] virtual std::vector<AuditEvent> audit_trail(const Uuid& tenant_id) = 0;
  [[nodiscard]] virtual RowCounts row_counts() = 0;
  // What the database's own check finds damaged; empty when it is intact.
  [[nodiscard]] virtual std::string damage() = 0;
};

struct BackendKind {
  std::string name;
  std::string store;  // "embedded" or "postgres"
  std::unique_ptr<Backend> (*make)();
  bool is_shared_between_processes = false;
  bool has_settable_clock = false;
};

// Every kind of store that the contract suite runs over: a new one is a row of this table. When
// TEST_STORE is "embedded" or "postgres", only those.
[[nodiscard]] const std::vector<BackendKind>& backend_kinds();

}  // namespace registry::test
