#include "common/app/audit_bounds.h"

#include <utility>

namespace registry {
namespace {

// The one tenant that the caller is bound to; nothing where there are several, or all.
std::optional<Uuid> only_tenant(const TenantScope& tenants) {
  if (tenants.is_all() || tenants.ids().size() != 1 || !tenants.slugs().empty()) {
    return std::nullopt;
  }
  return tenants.ids().front();
}

// Notes that an event in Retraced's form came without a component, where its column gets one.
void note_missing_component(AuditSubmission& submission) {
  if (!submission.retraced_json) return;
  std::string& rest = *submission.retraced_json;  // an object, as JsonWriter writes it
  rest.pop_back();
  rest.append(rest.size() > 1 ? "," : "").append(R"("component":null})");
}

}  // namespace

std::vector<FieldError> bind_batch(AuditBatch& batch, const TenantScope& tenants,
                                   const std::optional<std::string>& product) {
  std::vector<FieldError> foreign;
  const auto tenant_id = only_tenant(tenants);
  for (AuditSubmission& submission : batch.submissions) {
    NewAuditEvent& event = submission.event;
    if (!event.tenant_id && !submission.tenant_slug) event.tenant_id = tenant_id;
    if (!product) continue;
    if (event.product && *event.product != *product) {
      foreign.push_back({product_member(submission), "is not the caller's product"});
      continue;
    }
    if (!event.product) note_missing_component(submission);
    event.product = product;
  }
  return foreign;
}

}  // namespace registry
