#include "common/store/tenant_changes.h"

#include <string>

namespace registry {
namespace {

Result<TenantStatus> status_after(TenantStatus from, Transition transition) {
  const auto next = next_status(from, transition);
  if (!next) {
    const std::string status(to_string(from));
    return fail(
        invalid_transition("A tenant in status " + status + " does not allow this.", status));
  }
  return *next;
}

template <class Member, class Value>
void set_if_given(Member& member, const std::optional<Value>& value) {
  if (value) member = *value;
}

}  // namespace

Tenant new_tenant_row(const Uuid& id, const NewTenant& tenant, Timestamp now) {
  const TenantStatus status = initial_status(tenant.kind);
  std::optional<Timestamp> trial_ends_at;
  if (status == TenantStatus::kTrial) trial_ends_at = add_days(now, tenant.trial_days);
  return {.id = id,
          .slug = tenant.slug.str(),
          .name = tenant.name,
          .status = status,
          .kind = tenant.kind,
          .plan = tenant.plan,
          .products = {},
          .erp_customer_id = {},
          .stripe_cust_id = {},
          .trial_ends_at = trial_ends_at,
          .contract_start = {},
          .contract_end = {},
          .sales_owner = tenant.sales_owner,
          .created_at = now,
          .updated_at = now};
}

bool is_replay(const Tenant& existing, const NewTenant& tenant) {
  return existing.slug == tenant.slug.str() && existing.name == tenant.name &&
         existing.plan == tenant.plan && existing.kind == tenant.kind &&
         existing.sales_owner == tenant.sales_owner;
}

Result<Tenant> activated(const Tenant& before, const Activation& activation) {
  const auto status = status_after(before.status, Transition::kActivate);
  if (!status) return fail(status.error());
  Tenant after = before;
  after.status = *status;
  set_if_given(after.plan, activation.plan);
  set_if_given(after.contract_start, activation.contract_start);
  set_if_given(after.contract_end, activation.contract_end);
  set_if_given(after.erp_customer_id, activation.erp_customer_id);
  set_if_given(after.stripe_cust_id, activation.stripe_cust_id);
  const bool gives_date = activation.contract_start || activation.contract_end;
  if (gives_date && after.contract_start && after.contract_end &&
      *after.contract_end < *after.contract_start) {
    return fail(invalid_field("contract_end", kEndsBeforeStart));
  }
  return after;
}

Result<Tenant> cancelled(const Tenant& before, Date today) {
  const auto status = status_after(before.status, Transition::kCancel);
  if (!status) return fail(status.error());
  Tenant after = before;
  if (before.status == *status) return after;
  after.status = *status;
  after.contract_end = contract_end_after_cancel(before.contract_end, today);
  return after;
}

Error tenant_not_found() {
  return not_found("There is no such tenant.");
}

Error slug_taken() {
  return failure(ErrorCode::kSlugTaken, "Another tenant has this slug.");
}

Error tenant_id_taken() {
  return failure(ErrorCode::kConflict, "A tenant with this id exists with other attributes.");
}

Error erp_customer_id_taken() {
  return failure(ErrorCode::kConflict, "Another tenant has this erp_customer_id.");
}

Error stripe_cust_id_taken() {
  return failure(ErrorCode::kConflict, "Another tenant has this stripe_cust_id.");
}

}  // namespace registry
