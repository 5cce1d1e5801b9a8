#include "common/store/audit_metadata.h"

#include <string_view>
#include <utility>

#include "common/base/json_writer.h"

namespace registry {
namespace {

// What a change was made to.
struct Target {
  std::string type;
  std::string id;
  std::optional<std::string> name;
};

NewAuditEvent change_event(std::string action, const Uuid& tenant_id, Target target,
                           std::string metadata_json, const ChangeOrigin& origin) {
  return {.tenant_id = tenant_id,
          .project_id = {},
          .actor_id = origin.actor_id,
          .actor_name = origin.actor_name,
          .actor_type = origin.actor_type,
          .action = std::move(action),
          .target_id = std::move(target.id),
          .target_type = std::move(target.type),
          .target_name = std::move(target.name),
          .product = {},
          .metadata_json = std::move(metadata_json),
          .source_ip = origin.source_ip,
          .user_agent = origin.user_agent};
}

NewAuditEvent tenant_event(std::string action, const Tenant& tenant, std::string metadata_json,
                           const ChangeOrigin& origin) {
  return change_event(std::move(action), tenant.id,
                      {.type = "tenant", .id = tenant.id.to_string(), .name = tenant.slug},
                      std::move(metadata_json), origin);
}

NewAuditEvent product_event(std::string action, const Uuid& tenant_id, const ProductId& product,
                            std::string metadata_json, const ChangeOrigin& origin) {
  return change_event(std::move(action), tenant_id,
                      {.type = "product", .id = product.str(), .name = {}},
                      std::move(metadata_json), origin);
}

NewAuditEvent api_key_event(std::string action, const ApiKey& key, std::string metadata_json,
                            const ChangeOrigin& origin) {
  return change_event(std::move(action), key.tenant_id,
                      {.type = "api_key", .id = key.id.to_string(), .name = key.name},
                      std::move(metadata_json), origin);
}

std::optional<std::string> text_of(const std::optional<Date>& date) {
  if (!date) return std::nullopt;
  return date->to_string();
}

// One object with the members of two, written without a parse: both are known to be well-formed.
std::string joined_objects(std::string_view left, std::string_view right) {
  constexpr std::string_view kJsonSpace = " \t\r\n";
  const std::string_view left_members = left.substr(0, left.rfind('}'));
  const std::string_view right_members = right.substr(right.find('{') + 1);
  std::string joined(left_members);
  const bool is_left_empty = left_members.find_last_not_of(kJsonSpace) == left_members.find('{');
  if (!is_left_empty) joined.push_back(',');
  return joined.append(right_members);
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

NewAuditEvent product_requested_event(const Uuid& tenant_id, const ProductId& product,
                                      const std::optional<std::string>& note,
                                      const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object().member("to", "requested").member("product", product.str());
  if (note) json.member("note", *note);
  json.end_object();
  return product_event("catalog.request", tenant_id, product, json.str(), origin);
}

NewAuditEvent trial_started_event(const Uuid& tenant_id, const ProductId& product, int trial_days,
                                  const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object()
      .member("to", "trial")
      .member("product", product.str())
      .member("trial_days", std::int64_t{trial_days})
      .end_object();
  return product_event("catalog.trial_request", tenant_id, product, json.str(), origin);
}

NewAuditEvent api_key_created_event(const ApiKey& key, const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object().member("product", key.product).key("scopes").begin_array();
  for (const std::string& scope : key.scopes) json.value(std::string_view(scope));
  json.end_array().member("prefix", key.prefix).member("created_by", key.created_by).end_object();
  return api_key_event("api_key.create", key, json.str(), origin);
}

NewAuditEvent api_key_revoked_event(const ApiKey& key, const ChangeOrigin& origin) {
  JsonWriter json;
  json.begin_object().member("product", key.product).member("prefix", key.prefix).end_object();
  return api_key_event("api_key.revoke", key, json.str(), origin);
}

std::string metadata_with_reserved(const std::string& metadata_json,
                                   const std::string& retraced_json, std::string_view hash) {
  JsonWriter reserved;
  reserved.begin_object().member("hash", hash).end_object();
  const std::string with_hash = joined_objects(retraced_json, reserved.str());
  JsonWriter outer;
  outer.begin_object().key(kReservedMetadataKey).raw(with_hash).end_object();
  return joined_objects(metadata_json, outer.str());
}

}  // namespace registry
