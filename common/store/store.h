#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/domain/api_key.h"
#include "common/domain/audit_event.h"
#include "common/domain/entitlement.h"
#include "common/domain/tenant.h"

// The persistence contract. Every backend fulfils it to the letter; tests/store runs one suite
// over all of them. What holds for every operation:
//
// - Thread-safe: any number of threads and processes may call at once.
// - Atomic: an operation happens wholly or not at all. A change and its audit entry are one
//   transaction; a call that changes nothing writes nothing, also no audit entry.
// - Rules that need the current state (uniqueness, transitions) are decided inside that
//   transaction, so of two callers at once never both win with different results.
// - Durable: a change that was reported as done survives the crash of any process.
// - Time comes from the store (its clock, or the database's), in UTC with microseconds. Of two
// audit
//   entries of a tenant the later one has no earlier time, and none is earlier than its change.
// - Failures that a caller can cause are returned, with the codes that the operation names and no
//   others. An outage throws StoreUnavailable; anything else that is thrown is a bug.
namespace registry {

// The store cannot answer now: away, locked beyond the busy limit, full, or its schema is older
// than this program needs. what() is for the log, summary() for whoever asks whether the service is
// ready: it names what is wrong, and no host, account or secret. After a write, nobody can know
// whether it took effect; the caller is told 503 and may repeat an idempotent operation.
class StoreUnavailable : public std::runtime_error {
 public:
  explicit StoreUnavailable(const std::string& what) : StoreUnavailable(what, what) {}
  StoreUnavailable(const std::string& what, std::string summary)
      : std::runtime_error(what), summary_(std::move(summary)) {}

  [[nodiscard]] const std::string& summary() const { return summary_; }

 private:
  std::string summary_;
};

// Who makes a change and from where: the audit entry of the change says so.
struct ChangeOrigin {
  std::optional<std::string> actor_id;
  std::optional<std::string> actor_name;
  std::optional<std::string> actor_type;  // user, service, system
  std::optional<std::string> source_ip;   // an address without a mask
  std::optional<std::string> user_agent;
};

// A row that an operation made, or found already made by an earlier call of the same content.
struct CreatedTenant {
  Tenant tenant;
  bool replayed = false;
};

class TenantStore {
 public:
  virtual ~TenantStore() = default;

  // Makes a tenant in the initial status of its kind; a customer's trial ends `trial_days` from
  // now. Audited as tenant.create.
  // Idempotent when `id` is given: if the tenant exists with the same slug, name, plan, kind and
  // sales_owner, it is returned as it is now, with `replayed` set, and nothing is written.
  // Errors: kConflict (the id exists with other attributes), else kSlugTaken (by another tenant).
  [[nodiscard]] virtual Result<CreatedTenant> create_tenant(const NewTenant& tenant,
                                                            const ChangeOrigin& origin) = 0;

  // Errors: kNotFound.
  [[nodiscard]] virtual Result<Tenant> tenant_by_id(const Uuid& id) = 0;
  [[nodiscard]] virtual Result<Tenant> tenant_by_slug(const Slug& slug) = 0;

  // Moves a tenant to active and sets the members that `activation` has. Audited as
  // tenant.activate. Idempotent: a tenant that is active and has these values is returned and
  // nothing is written.
  // Errors: kNotFound; kInvalidTransition (demo, archived; tenant_status is set); kConflict
  // (another tenant holds the erp_customer_id or stripe_cust_id); kInvalidRequest naming
  // contract_end, when the activation gives a date of the contract and it would end before it
  // starts. Stored dates alone refuse nothing: a contract cancelled before its start has such.
  [[nodiscard]] virtual Result<Tenant> activate_tenant(const Uuid& id, const Activation& activation,
                                                       const ChangeOrigin& origin) = 0;

  // Moves a tenant to frozen; contract_end becomes today (UTC) when it is absent or later.
  // Audited as tenant.cancel, with the reason. Idempotent: a frozen tenant is returned and
  // nothing is written.
  // Errors: kNotFound; kInvalidTransition (demo, archived; tenant_status is set).
  [[nodiscard]] virtual Result<Tenant> cancel_tenant(const Uuid& id,
                                                     const std::optional<std::string>& reason,
                                                     const ChangeOrigin& origin) = 0;
};

class EntitlementStore {
 public:
  virtual ~EntitlementStore() = default;

  // A tenant's entitlements, sorted by product (byte value); with `product`, that one or none.
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<Entitlement>> entitlements(
      const Uuid& tenant_id, const std::optional<ProductId>& product) = 0;
};

// What a tenant's entitlement says about a product of the catalog.
enum class ProductState { kAvailable, kRequested, kTrial, kActive, kExpired };

struct ProductStanding {
  std::string product;
  ProductState state = ProductState::kAvailable;
};

class ProductRequestStore {
 public:
  virtual ~ProductRequestStore() = default;

  // Where a tenant stands with each product that it has a row for, sorted by product. A product
  // without a row is available.
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<ProductStanding>> product_standings(
      const Uuid& tenant_id) = 0;

  // Notes that a tenant wants a product: leaves a disabled entitlement. Audited as
  // catalog.request, with the note. Idempotent: while a request is pending, a further one is
  // answered alike and writes nothing.
  // Errors: kNotFound (no such tenant), kTenantFrozen, kTenantArchived, kAlreadyEntitled.
  [[nodiscard]] virtual Result<Entitlement> request_product(const Uuid& tenant_id,
                                                            const ProductId& product,
                                                            const std::optional<std::string>& note,
                                                            const ChangeOrigin& origin) = 0;

  // Starts a trial of `trial_days` (at least 1) from now. A pending request does not stand in the
  // way. Audited as catalog.trial_request. Of any number of callers at once, exactly one gets the
  // trial.
  // Errors: kNotFound (no such tenant), kTenantFrozen, kTenantArchived, kTrialAlreadyUsed (one was
  // given before, running or over), kAlreadyEntitled (entitled without a trial).
  [[nodiscard]] virtual Result<Entitlement> start_trial(const Uuid& tenant_id,
                                                        const ProductId& product, int trial_days,
                                                        const ChangeOrigin& origin) = 0;
};

struct NewApiKey {
  Uuid tenant_id;
  std::optional<ProductId> product;  // absent: all products
  std::string name;
  std::vector<std::string> scopes;
  std::string hash;    // as common/crypto wrote it; never a plaintext
  std::string prefix;  // the first 11 characters of the plaintext
  std::optional<std::string> created_by;
};

// A key that a presented plaintext may belong to, with all that its verification needs.
struct ApiKeyCandidate {
  ApiKey key;
  std::string hash;
  std::string tenant_slug;
  TenantStatus tenant_status = TenantStatus::kActive;
  std::optional<Entitlement> entitlement;  // of the product that was asked for, if there is one
};

class ApiKeyStore {
 public:
  virtual ~ApiKeyStore() = default;

  // Audited as api_key.create; the entry holds neither hash nor plaintext.
  // Errors: kNotFound (no such tenant), kTenantFrozen, kTenantArchived, kNameTaken (by another key
  // of the tenant, revoked ones included).
  [[nodiscard]] virtual Result<ApiKey> create_api_key(const NewApiKey& key,
                                                      const ChangeOrigin& origin) = 0;

  // A tenant's keys, oldest first (created_at, then id).
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<ApiKey>> api_keys(const Uuid& tenant_id,
                                                             bool include_revoked) = 0;

  // Revokes a key for good. Audited as api_key.revoke. Idempotent: the first revoked_at stays, and
  // a further call writes nothing.
  // Errors: kNotFound.
  [[nodiscard]] virtual Status revoke_api_key(const Uuid& id, const ChangeOrigin& origin) = 0;

  // Every key with this prefix, revoked ones too, as committed now: nothing is cached. Two keys may
  // share a prefix. With `product`, each has its tenant's entitlement for it. No match: empty.
  [[nodiscard]] virtual std::vector<ApiKeyCandidate> api_keys_by_prefix(
      std::string_view prefix, const std::optional<ProductId>& product) = 0;

  // Moves last_used_at of each key forward to its moment, never back. Not audited.
  struct KeyUse {
    Uuid key_id;
    Timestamp used_at;
  };
  virtual void note_key_uses(std::span<const KeyUse> uses) = 0;
};

// Which entries of the audit trail to read; the members that are present must all match.
struct AuditQuery {
  std::optional<Uuid> tenant_id;
  std::optional<std::string> product;
  std::optional<std::string> actor_id;
  std::optional<std::string> action;
  std::optional<Timestamp> since;      // inclusive
  std::optional<Timestamp> until;      // exclusive
  std::optional<std::int64_t> cursor;  // the id after which (newest_first: before which) to go on
  int limit = 100;                     // 1 to 500
  bool newest_first = false;
};

struct AuditPage {
  std::vector<AuditEvent> events;
  std::optional<std::int64_t> next_cursor;  // absent: this was the last page for now
};

class AuditStore {
 public:
  virtual ~AuditStore() = default;

  // Appends 1 to 1,000 events, all or none; the ids are in the order of the events.
  // Errors: kInvalidRequest naming tenant_id or project_id ("events[3].tenant_id" for one of many)
  // when it does not exist or the two do not belong together.
  [[nodiscard]] virtual Result<std::vector<std::int64_t>> append_audit_events(
      std::span<const NewAuditEvent> events) = 0;

  // Entries in ascending order of id, or descending with `newest_first`. A reader that follows
  // next_cursor in ascending order sees every committed entry exactly once, also while writers
  // with slow and aborted transactions append.
  [[nodiscard]] virtual AuditPage audit_events(const AuditQuery& query) = 0;
};

// What a function sees. Later operations add their interface here together with their
// implementation in every backend.
class Store : public TenantStore, public EntitlementStore {
 public:
  struct Health {
    std::string_view kind;            // "sqlite" or "postgres"
    std::int64_t schema_version = 0;  // what the store has now
  };

  // Asks the store itself, so that the answer is worth something.
  // Throws StoreUnavailable when it is away or its schema is older than this program needs.
  [[nodiscard]] virtual Health check_health() = 0;
};

}  // namespace registry
