#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/domain/rules.h"
#include "common/domain/uuid.h"

namespace registry {

// frozen: read-only after a cancellation or non-payment. archived: only the audit log is kept.
enum class TenantStatus { kDemo, kTrial, kActive, kFrozen, kArchived };

// customer: pays or evaluates. demo: shared, never billed, reset nightly.
enum class TenantKind { kCustomer, kDemo };

[[nodiscard]] std::string_view to_string(TenantStatus status);
[[nodiscard]] std::string_view to_string(TenantKind kind);
[[nodiscard]] Parsed<TenantStatus> parse_tenant_status(std::string_view text);
[[nodiscard]] Parsed<TenantKind> parse_tenant_kind(std::string_view text);

// An organisation, as stored. `id` equals the organisation id of the identity provider.
struct Tenant {
  Uuid id;
  std::string slug;
  std::string name;
  TenantStatus status = TenantStatus::kTrial;
  TenantKind kind = TenantKind::kCustomer;
  std::string plan;
  std::vector<std::string> products;  // entitled now; sorted by byte value
  std::optional<std::string> erp_customer_id;
  std::optional<std::string> stripe_cust_id;
  std::optional<Timestamp> trial_ends_at;
  std::optional<Date> contract_start;
  std::optional<Date> contract_end;
  std::optional<std::string> sales_owner;
  Timestamp created_at;
  Timestamp updated_at;

  bool operator==(const Tenant&) const = default;
};

// What a caller says of a tenant that does not exist yet.
struct NewTenant {
  std::optional<Uuid> id;  // given by the identity provider; absent: the store makes one
  Slug slug;
  std::string name;
  std::string plan;
  TenantKind kind = TenantKind::kCustomer;
  std::optional<std::string> sales_owner;
  int trial_days = 14;  // length of the trial that a customer starts with
};

// The status that a new tenant of this kind starts in.
[[nodiscard]] TenantStatus initial_status(TenantKind kind);

enum class Transition { kActivate, kCancel };

// The status after a transition; `from` itself where the tenant is there already; nothing where
// the state machine forbids it.
[[nodiscard]] std::optional<TenantStatus> next_status(TenantStatus from, Transition transition);

// What an activation sets besides the status; absent members stay as they are.
struct Activation {
  std::optional<std::string> plan;
  std::optional<Date> contract_start;
  std::optional<Date> contract_end;
  std::optional<std::string> erp_customer_id;
  std::optional<std::string> stripe_cust_id;
};

// Whether an activation gives both dates of a contract, and they contradict each other. What is
// said of that, and of dates that contradict a stored one.
[[nodiscard]] bool ends_before_start(const Activation& activation);
inline constexpr const char* kEndsBeforeStart = "must not be before contract_start";

// The contract's last day once a tenant is cancelled on `today`: today when it was open or later.
[[nodiscard]] Date contract_end_after_cancel(const std::optional<Date>& contract_end, Date today);

}  // namespace registry
