#include "common/http/render.h"

#include <algorithm>
#include <optional>

#include "common/base/json_writer.h"
#include "common/http/retraced.h"

namespace registry::http {
namespace {

// A timestamp, a date or an id, or null.
template <class T>
std::optional<std::string> text_of(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return value->to_string();
}

void write_strings(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_entitlement(JsonWriter& json, const Entitlement& entitlement) {
  json.begin_object()
      .member("product", entitlement.product)
      .member("enabled", entitlement.enabled)
      .member("active", entitlement.active)
      .key("config")
      .raw(entitlement.config_json)
      .member("expires_at", text_of(entitlement.expires_at))
      .member("created_at", entitlement.created_at.to_string())
      .member("updated_at", entitlement.updated_at.to_string())
      .end_object();
}

// Leaves the object open, for what else is said of a product.
void begin_product(JsonWriter& json, const Product& product) {
  json.begin_object()
      .member("id", product.id)
      .member("name", product.name)
      .member("description", product.description);
  write_strings(json, "plans", product.plans);
  json.member("trial_days", std::int64_t{product.trial_days})
      .member("supports_projects", product.supports_projects);
}

ProductState state_of(const Product& product, const std::vector<ProductStanding>& standings) {
  const auto standing =
      std::find_if(standings.begin(), standings.end(),
                   [&](const ProductStanding& found) { return found.product == product.id; });
  return standing == standings.end() ? ProductState::kAvailable : standing->state;
}

// Leaves the object open: a new key's plaintext may follow.
void begin_api_key(JsonWriter& json, const ApiKey& key) {
  json.begin_object()
      .member("id", key.id.to_string())
      .member("tenant_id", key.tenant_id.to_string())
      .member("product", key.product)
      .member("name", key.name);
  write_strings(json, "scopes", key.scopes);
  json.member("prefix", key.prefix)
      .member("created_by", key.created_by)
      .member("last_used_at", text_of(key.last_used_at))
      .member("revoked_at", text_of(key.revoked_at))
      .member("created_at", key.created_at.to_string());
}

void write_receipt(JsonWriter& json, const AuditReceipt& receipt) {
  json.begin_object()
      .member("id", std::to_string(receipt.id))
      .member("hash", receipt.hash)
      .end_object();
}

// Tells what a valid key's tenant may use of the product that was asked for.
void write_brief(JsonWriter& json, const Entitlement& entitlement) {
  json.begin_object()
      .member("product", entitlement.product)
      .member("active", entitlement.active)
      .key("config")
      .raw(entitlement.config_json)
      .member("expires_at", text_of(entitlement.expires_at))
      .end_object();
}

void write_event(JsonWriter& json, const AuditEvent& entry) {
  const NewAuditEvent& event = entry.event;
  json.begin_object()
      .member("id", std::to_string(entry.id))
      .member("tenant_id", text_of(event.tenant_id))
      .member("project_id", text_of(event.project_id))
      .member("actor_id", event.actor_id)
      .member("actor_name", event.actor_name)
      .member("actor_type", event.actor_type)
      .member("action", event.action)
      .member("target_id", event.target_id)
      .member("target_type", event.target_type)
      .member("target_name", event.target_name)
      .member("product", event.product)
      .key("metadata")
      .raw(event.metadata_json)
      .member("source_ip", event.source_ip)
      .member("user_agent", event.user_agent)
      .member("created_at", entry.created_at.to_string());
  if (entry.retraced_json) write_retraced_event(json, "retraced", entry);
  json.end_object();
}

}  // namespace

std::string tenant_json(const Tenant& tenant) {
  JsonWriter json;
  json.begin_object()
      .member("id", tenant.id.to_string())
      .member("slug", tenant.slug)
      .member("name", tenant.name)
      .member("status", to_string(tenant.status))
      .member("kind", to_string(tenant.kind))
      .member("plan", tenant.plan);
  write_strings(json, "products", tenant.products);
  json.member("erp_customer_id", tenant.erp_customer_id)
      .member("stripe_cust_id", tenant.stripe_cust_id)
      .member("trial_ends_at", text_of(tenant.trial_ends_at))
      .member("contract_start", text_of(tenant.contract_start))
      .member("contract_end", text_of(tenant.contract_end))
      .member("sales_owner", tenant.sales_owner)
      .member("created_at", tenant.created_at.to_string())
      .member("updated_at", tenant.updated_at.to_string())
      .end_object();
  return json.str();
}

std::string entitlement_list_json(const Uuid& tenant_id,
                                  const std::vector<Entitlement>& entitlements) {
  JsonWriter json;
  json.begin_object().member("tenant_id", tenant_id.to_string());
  json.key("entitlements").begin_array();
  for (const Entitlement& entitlement : entitlements) write_entitlement(json, entitlement);
  json.end_array().end_object();
  return json.str();
}

std::string entitlement_json(const Entitlement& entitlement) {
  JsonWriter json;
  write_entitlement(json, entitlement);
  return json.str();
}

std::string catalog_json(const Catalog& catalog) {
  JsonWriter json;
  json.begin_object().key("products").begin_array();
  for (const Product& product : catalog.products) {
    begin_product(json, product);
    json.end_object();
  }
  json.end_array().end_object();
  return json.str();
}

std::string catalog_json(const Catalog& catalog, const std::vector<ProductStanding>& standings) {
  JsonWriter json;
  json.begin_object().key("products").begin_array();
  for (const Product& product : catalog.products) {
    begin_product(json, product);
    json.member("state", to_string(state_of(product, standings))).end_object();
  }
  json.end_array().end_object();
  return json.str();
}

std::string product_request_json(const Uuid& tenant_id, const ProductId& product,
                                 Timestamp requested_at) {
  JsonWriter json;
  json.begin_object()
      .member("status", "requested")
      .member("tenant_id", tenant_id.to_string())
      .member("product", product.str())
      .member("requested_at", requested_at.to_string())
      .end_object();
  return json.str();
}

std::string new_api_key_json(const ApiKey& key, std::string_view plaintext) {
  JsonWriter json;
  begin_api_key(json, key);
  json.member("key", plaintext).end_object();
  return json.str();
}

std::string api_key_list_json(const Uuid& tenant_id, const std::vector<ApiKey>& keys) {
  JsonWriter json;
  json.begin_object().member("tenant_id", tenant_id.to_string());
  json.key("api_keys").begin_array();
  for (const ApiKey& key : keys) {
    begin_api_key(json, key);
    json.end_object();
  }
  json.end_array().end_object();
  return json.str();
}

std::string valid_key_json(const ApiKeyCandidate& candidate, bool names_product) {
  const ApiKey& key = candidate.key;
  JsonWriter json;
  json.begin_object()
      .member("valid", true)
      .member("code", to_string(KeyVerdict::kValid))
      .member("key_id", key.id.to_string())
      .member("tenant_id", key.tenant_id.to_string())
      .member("tenant_slug", candidate.tenant_slug)
      .member("tenant_status", to_string(candidate.tenant_status))
      .member("product", key.product)
      .member("name", key.name);
  write_strings(json, "scopes", key.scopes);
  json.member("prefix", key.prefix);
  if (names_product) {
    json.key("entitlement");
    if (candidate.entitlement) {
      write_brief(json, *candidate.entitlement);
    } else {
      json.null();
    }
  }
  json.end_object();
  return json.str();
}

std::string invalid_key_json(KeyVerdict verdict) {
  JsonWriter json;
  json.begin_object().member("valid", false).member("code", to_string(verdict)).end_object();
  return json.str();
}

std::string audit_receipt_json(const AuditReceipt& receipt) {
  JsonWriter json;
  write_receipt(json, receipt);
  return json.str();
}

std::string audit_receipts_json(const std::vector<AuditReceipt>& receipts) {
  JsonWriter json;
  json.begin_array();
  for (const AuditReceipt& receipt : receipts) write_receipt(json, receipt);
  json.end_array();
  return json.str();
}

std::string audit_event_json(const AuditEvent& entry) {
  JsonWriter json;
  write_event(json, entry);
  return json.str();
}

std::string audit_page_json(const AuditPage& page) {
  JsonWriter json;
  json.begin_object().key("events").begin_array();
  for (const AuditEvent& event : page.events) write_event(json, event);
  json.end_array().key("next_cursor");
  if (page.next_cursor) {
    json.value(*page.next_cursor);
  } else {
    json.null();
  }
  json.end_object();
  return json.str();
}

std::string readiness_json(std::string_view store_kind, std::int64_t schema_version) {
  JsonWriter json;
  json.begin_object()
      .member("status", "ready")
      .member("store", store_kind)
      .member("schema_version", schema_version)
      .end_object();
  return json.str();
}

}  // namespace registry::http
