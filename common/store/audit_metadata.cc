#include "common/store/audit_metadata.h"

#include <string_view>
#include <utility>

#include "common/base/json_writer.h"

namespace registry {
namespace {

NewAuditEvent tenant_event(std::string action, const Tenant& tenant, std::string metadata_json,
                           const ChangeOrigin& origin) {
  return {.tenant_id = tenant.id,
          .project_id = {},
          .actor_id = origin.actor_id,
          .actor_name = origin.actor_name,
          .actor_type = origin.actor_type,
          .action = std::move(action),
          .target_id = tenant.id.to_string(),
          .target_type = "tenant",
          .target_name = tenant.slug,
          .product = {},
          .metadata_json = std::move(metadata_json),
          .source_ip = origin.source_ip,
          .user_agent = origin.user_agent};
}

std::optional<std::string> text_of(const std::optional<Date>& date) {
  if (!date) return std::nullopt;
  return date->to_string();
}

// Writes the member "changes", with what differs; nothing where nothing does.
class Changes {
 public:
  explicit Changes(JsonWriter& json) : json_(json) {}

  Changes& member(std::string_view name, const std::optional<std::string>& from,
                  const std::optional<std::string>& to) {
    if (from == to) return *this;
    if (!std::exchange(has_any_, true)) json_.key("changes").begin_object();
    json_.key(name).begin_object().member("from", from).member("to", to).end_object();
    return *this;
  }

  void finish() {
    if (has_any_) json_.end_object();
  }

 private:
  JsonWriter& json_;
  bool has_any_ = false;
};

}  // namespace

NewAuditEvent tenant_created_event(const Tenant& tenant, const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object()
      .member("to", to_string(tenant.status))
      .member("slug", tenant.slug)
      .member("name", tenant.name)
      .member("kind", to_string(tenant.kind))
      .member("plan", tenant.plan)
      .end_object();
  return tenant_event("tenant.create", tenant, json.str(), origin);
}

NewAuditEvent tenant_activated_event(const Tenant& before, const Tenant& after,
                                     const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object()
      .member("from", to_string(before.status))
      .member("to", to_string(after.status));
  Changes(json)
      .member("plan", before.plan, after.plan)
      .member("contract_start", text_of(before.contract_start), text_of(after.contract_start))
      .member("contract_end", text_of(before.contract_end), text_of(after.contract_end))
      .member("erp_customer_id", before.erp_customer_id, after.erp_customer_id)
      .member("stripe_cust_id", before.stripe_cust_id, after.stripe_cust_id)
      .finish();
  json.end_object();
  return tenant_event("tenant.activate", after, json.str(), origin);
}

NewAuditEvent tenant_cancelled_event(const Tenant& before, const Tenant& after,
                                     const std::optional<std::string>& reason,
                                     const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object()
      .member("from", to_string(before.status))
      .member("to", to_string(after.status))
      .member("contract_end", text_of(after.contract_end));
  if (reason) json.member("reason", *reason);
  json.end_object();
  return tenant_event("tenant.cancel", after, json.str(), origin);
}

}  // namespace registry
