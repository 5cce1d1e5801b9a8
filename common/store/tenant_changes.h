#pragma once

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/domain/tenant.h"
#include "common/store/store.h"

// What the operations on a tenant decide apart from SQL: pure functions of the row as it is. The
// backends share them, so that they cannot come to different decisions.
namespace registry {

// The row of a tenant that is made at `now`.
[[nodiscard]] Tenant new_tenant_row(const Uuid& id, const NewTenant& tenant, Timestamp now);

// Whether a tenant that exists is what an earlier call with the same content made.
[[nodiscard]] bool is_replay(const Tenant& existing, const NewTenant& tenant);

// The tenant after an activation; equal to `before` where nothing is to be written. `updated_at`
// is left alone.
// Errors: kInvalidTransition; kInvalidRequest naming contract_end, when the activation gives one
// of the contract's dates and it would end before it starts. Stored dates alone are no reason to
// refuse: a contract that is cancelled before it starts also ends before it starts.
[[nodiscard]] Result<Tenant> activated(const Tenant& before, const Activation& activation);

// The tenant after a cancellation on `today`; equal to `before` where nothing is to be written.
// `updated_at` is left alone.
// Errors: kInvalidTransition.
[[nodiscard]] Result<Tenant> cancelled(const Tenant& before, Date today);

// The errors of tenants that SQL decides.
[[nodiscard]] Error tenant_not_found();
[[nodiscard]] Error slug_taken();
[[nodiscard]] Error tenant_id_taken();
[[nodiscard]] Error erp_customer_id_taken();
[[nodiscard]] Error stripe_cust_id_taken();

}  // namespace registry
