#include "common/http/render.h"

#include "common/base/json_writer.h"

namespace registry::http {
namespace {

// A timestamp or a date, or null.
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

void write_product(JsonWriter& json, const Product& product) {
  json.begin_object()
      .member("id", product.id)
      .member("name", product.name)
      .member("description", product.description);
  write_strings(json, "plans", product.plans);
  json.member("trial_days", std::int64_t{product.trial_days})
      .member("supports_projects", product.supports_projects)
      .end_object();
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

std::string catalog_json(const Catalog& catalog) {
  JsonWriter json;
  json.begin_object().key("products").begin_array();
  for (const Product& product : catalog.products) write_product(json, product);
  json.end_array().end_object();
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
