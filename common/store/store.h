#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "common/domain/tenant_scope.h"

// The persistence contract. Every backend fulfils it to the letter; tests/store runs one suite
// over all of them. What holds for every operation:
//
// - Thread-safe: any number of threads and processes may call at once.
// - Tenancy: the caller says whose data it may touch, as the first parameter of every operation on
//   data of tenants. What is outside of this scope is as if it did not exist: the same error, and
//   nothing written. That is decided inside the statement or transaction that reads or writes. An
//   operation without a scope says why.
// - Atomic: an operation happens wholly or not at all. A change and its audit entry are one
//   transaction; a call that changes nothing writes nothing, also no audit entry.
// - Rules that need the current state (uniqueness, transitions) are decided inside that
//   transaction, so of two callers at once never both win with different results.
// - Durable: a change that was reported as done survives the crash of any process.
// - Time comes from the store (its clock, or the database's), in UTC with microseconds. Of
//   two changes of a tenant the later one's audit entry has no earlier time, and none is earlier
//   than its change.
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
  // now. Audited as tenant.create. No scope: the tenant is a new one, and its id and slug must be
  // unique among all. So the answer tells of others' tenants, which only whoever may see all of
  // them may be told.
  // Idempotent when `id` is given: if the tenant exists with the same slug, name, plan, kind and
  // sales_owner, it is returned as it is now, with `replayed` set, and nothing is written.
  // Errors: kConflict (the id exists with other attributes), else kSlugTaken (by another tenant).
  [[nodiscard]] virtual Result<CreatedTenant> create_tenant(const NewTenant& tenant,
                                                            const ChangeOrigin& origin) = 0;

  // Errors: kNotFound.
  [[nodiscard]] virtual Result<Tenant> tenant_by_id(const TenantScope& scope, const Uuid& id) = 0;
  [[nodiscard]] virtual Result<Tenant> tenant_by_slug(const TenantScope& scope,
                                                      const Slug& slug) = 0;

  // Moves a tenant to active and sets the members that `activation` has. Audited as
  // tenant.activate. Idempotent: a tenant that is active and has these values is returned and
  // nothing is written.
  // Errors: kNotFound; kInvalidTransition (demo, archived; tenant_status is set); kConflict
  // (another tenant holds the erp_customer_id or stripe_cust_id); kInvalidRequest naming
  // contract_end, when the activation gives a date of the contract and it would end before it
  // starts. Stored dates alone refuse nothing: a contract cancelled before its start has such.
  [[nodiscard]] virtual Result<Tenant> activate_tenant(const TenantScope& scope, const Uuid& id,
                                                       const Activation& activation,
                                                       const ChangeOrigin& origin) = 0;

  // Moves a tenant to frozen; contract_end becomes today (UTC) when it is absent or later.
  // Audited as tenant.cancel, with the reason. Idempotent: a frozen tenant is returned and
  // nothing is written.
  // Errors: kNotFound; kInvalidTransition (demo, archived; tenant_status is set).
  [[nodiscard]] virtual Result<Tenant> cancel_tenant(const TenantScope& scope, const Uuid& id,
                                                     const std::optional<std::string>& reason,
                                                     const ChangeOrigin& origin) = 0;
};

class EntitlementStore {
 public:
  virtual ~EntitlementStore() = default;

  // A tenant's entitlements, sorted by product (byte value); with `product`, that one or none.
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<Entitlement>> entitlements(
      const TenantScope& scope, const Uuid& tenant_id, const std::optional<ProductId>& product) = 0;
};

class ProductRequestStore {
 public:
  virtual ~ProductRequestStore() = default;

  // Where a tenant stands with each product that it has a row for, sorted by product (byte value).
  // A product without a row is available.
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<ProductStanding>> product_standings(
      const TenantScope& scope, const Uuid& tenant_id) = 0;

  // Notes that a tenant wants a product: leaves a disabled entitlement, and gives the moment of the
  // request. Audited as catalog.request, with the note. Idempotent: while a request is pending, a
  // further one gets the moment of the first and writes nothing, whatever its note.
  // Errors, the first that applies: kNotFound (no such tenant), kTenantFrozen, kTenantArchived,
  // kAlreadyEntitled (the entitlement is active, a running trial's too).
  [[nodiscard]] virtual Result<Timestamp> request_product(const TenantScope& scope,
                                                          const Uuid& tenant_id,
                                                          const ProductId& product,
                                                          const std::optional<std::string>& note,
                                                          const ChangeOrigin& origin) = 0;

  // Starts a trial of `trial_days` (at least 1) from now. A pending request does not stand in the
  // way, and is answered by it. Audited as catalog.trial_request. Of any number of callers at once,
  // exactly one gets the trial.
  // Errors, the first that applies: kNotFound (no such tenant), kTenantFrozen, kTenantArchived,
  // kTrialAlreadyUsed (one was given before, running or over), kAlreadyEntitled (active without a
  // trial).
  [[nodiscard]] virtual Result<Entitlement> start_trial(const TenantScope& scope,
                                                        const Uuid& tenant_id,
                                                        const ProductId& product, int trial_days,
                                                        const ChangeOrigin& origin) = 0;
};

struct NewApiKey {
  Uuid tenant_id;
  std::optional<ProductId> product;  // absent: all products
  std::string name;
  Scopes scopes;
  std::string hash;    // as common/crypto wrote it; never a plaintext
  std::string prefix;  // the first 11 characters of the plaintext
  std::optional<std::string> created_by;
};

struct KeyUse {
  Uuid key_id;
  Timestamp used_at;
};

class ApiKeyStore {
 public:
  virtual ~ApiKeyStore() = default;

  // Audited as api_key.create; the entry holds neither hash nor plaintext.
  // Errors, the first that applies: kNotFound (no such tenant), kTenantFrozen, kTenantArchived,
  // kNameTaken (by another key of the tenant, revoked ones included).
  [[nodiscard]] virtual Result<ApiKey> create_api_key(const TenantScope& scope,
                                                      const NewApiKey& key,
                                                      const ChangeOrigin& origin) = 0;

  // A tenant's keys, oldest first (created_at, then id).
  // Errors: kNotFound (no such tenant).
  [[nodiscard]] virtual Result<std::vector<ApiKey>> api_keys(const TenantScope& scope,
                                                             const Uuid& tenant_id,
                                                             bool include_revoked) = 0;

  // Revokes a key for good, whatever the tenant's status. Audited as api_key.revoke. Idempotent:
  // the first revoked_at stays, and a further call writes nothing.
  // Errors: kNotFound.
  [[nodiscard]] virtual Status revoke_api_key(const TenantScope& scope, const Uuid& id,
                                              const ChangeOrigin& origin) = 0;

  // Every key with this prefix, revoked ones too, as committed now: nothing is cached. Two keys may
  // share a prefix. With `product`, each has its tenant's entitlement for it. No match: empty.
  // No scope: verification finds out whose key it is.
  [[nodiscard]] virtual std::vector<ApiKeyCandidate> api_keys_by_prefix(
      std::string_view prefix, const std::optional<ProductId>& product) = 0;

  // Moves the last_used_at of each key forward to its used_at; gives how many keys moved. Takes 1
  // to 1,000 uses, each key once, in any order. Where last_used_at is later than used_at, or
  // earlier by less than kKeyUseResolution, it stays; so it never goes back, and the call is
  // idempotent. A revoked key moves too, and so does one of an archived tenant; ids that no key has
  // are ignored. This is no change of state: nothing else of the key changes, and no audit entry is
  // written. A key that somebody else is changing at the moment may stay as it is, as if it had not
  // been used: to lose a use is better than to wait for them.
  // No scope: the keys are those that were verified.
  [[nodiscard]] virtual std::size_t note_key_uses(std::span<const KeyUse> uses) = 0;
};

class AuditStore {
 public:
  virtual ~AuditStore() = default;

  // Appends 1 to 1,000 events, whose JSON common/http has read, all or none; the receipts are in
  // the order of the events, and so are the ids. Each receipt's hash is crypto::audit_hash of its
  // id and the event's hash_tail; events in Retraced's form keep it in their metadata, with the
  // rest, under kReservedMetadataKey. Errors: kInvalidRequest naming, for every event, the tenant
  // (tenant_member) that does not exist, or is not named at all where the scope is not all tenants
  // (tenant_problem tells which), and the project (project_member) that does not exist or is not of
  // the event's tenant; at most 100 of them.
  [[nodiscard]] virtual Result<std::vector<AuditReceipt>> append_audit_events(
      const TenantScope& scope, std::span<const AuditSubmission> events) = 0;

  // The errors that append_audit_events would have for these events, without appending any.
  [[nodiscard]] virtual Status check_audit_events(const TenantScope& scope,
                                                  std::span<const AuditSubmission> events) = 0;

  // The same as append_audit_events, idempotent: when the caller has appended with this key before,
  // and that is less than kIdempotencyDays ago, nothing is written and the receipts are those of
  // then. Of several at once one appends and the others get its receipts. An append that failed
  // leaves its key unused. Every append forgets a few keys that have run out. Errors: those of
  // append_audit_events, and kKeyReused (the key's digest is another one).
  [[nodiscard]] virtual Result<std::vector<AuditReceipt>> append_audit_events_once(
      const TenantScope& scope, std::span<const AuditSubmission> events,
      const IdempotencyKey& key) = 0;

  // Entries in ascending order of id, or descending with `newest_first`: as many as the query
  // wants, or fewer of large ones (byte_limit); next_cursor tells whether there are more. What
  // other programs have stored is given as far as it can be. A tenant that does not exist, or no
  // longer, has no entries; that is no error where the scope is all tenants or lists its id, since
  // the trail outlives the tenant.
  // In ascending order a page ends before the first id that an open transaction may still give an
  // entry: whoever follows the trail by the last id they saw gets every entry once and in order.
  // In descending order it has all that is committed.
  // Errors: kNotFound (a scope that is not all tenants, and a query for no tenant or one that is
  // not in it).
  [[nodiscard]] virtual Result<AuditPage> audit_events(const TenantScope& scope,
                                                       const AuditQuery& query) = 0;
};

// So many callers that wait for the appends of others do so aside, see Store::on_wait().
inline constexpr std::size_t kAppendsAside = 16;

// What a function sees.
class Store : public TenantStore,
              public EntitlementStore,
              public ProductRequestStore,
              public ApiKeyStore,
              public AuditStore {
 public:
  struct Health {
    std::string_view kind;            // "sqlite" or "postgres"
    std::int64_t schema_version = 0;  // what the store has now
  };

  // Asks the store itself, so that the answer is worth something.
  // Throws StoreUnavailable when it is away or its schema is older than this program needs.
  [[nodiscard]] virtual Health check_health() = 0;

  // `before_wait` is called in the thread of a caller that is about to wait for what another caller
  // does for both of them: it takes up none of the store's connections meanwhile. Set before the
  // first operation. A store in which nobody does, as here, never calls it.
  virtual void on_wait(const std::function<void()>& /*before_wait*/) {}
};

}  // namespace registry
