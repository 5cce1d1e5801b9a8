#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/domain/api_key.h"
#include "common/domain/audit_event.h"
#include "common/domain/catalog.h"
#include "common/domain/entitlement.h"
#include "common/domain/tenant.h"

// The JSON of the domain's values, as openapi.yaml describes them; the order of members is stable.
namespace registry::http {

[[nodiscard]] std::string tenant_json(const Tenant& tenant);

[[nodiscard]] std::string entitlement_list_json(const Uuid& tenant_id,
                                                const std::vector<Entitlement>& entitlements);

[[nodiscard]] std::string entitlement_json(const Entitlement& entitlement);

[[nodiscard]] std::string catalog_json(const Catalog& catalog);
// With the member "state" in each product, as one tenant sees it: a product without a standing is
// available.
[[nodiscard]] std::string catalog_json(const Catalog& catalog,
                                       const std::vector<ProductStanding>& standings);

[[nodiscard]] std::string product_request_json(const Uuid& tenant_id, const ProductId& product,
                                               Timestamp requested_at);

// `plaintext` becomes the member "key".
[[nodiscard]] std::string new_api_key_json(const ApiKey& key, std::string_view plaintext);
[[nodiscard]] std::string api_key_list_json(const Uuid& tenant_id, const std::vector<ApiKey>& keys);

// What a product is told about a key that is valid. `names_product`: the call named a product, so
// that its entitlement is told, null where the tenant has none.
[[nodiscard]] std::string valid_key_json(const ApiKeyCandidate& candidate, bool names_product);
// And about any other plaintext.
[[nodiscard]] std::string invalid_key_json(KeyVerdict verdict);

// One receipt, or an array of them.
[[nodiscard]] std::string audit_receipt_json(const AuditReceipt& receipt);
[[nodiscard]] std::string audit_receipts_json(const std::vector<AuditReceipt>& receipts);

// One entry, in one line.
[[nodiscard]] std::string audit_event_json(const AuditEvent& entry);
[[nodiscard]] std::string audit_page_json(const AuditPage& page);

[[nodiscard]] std::string readiness_json(std::string_view store_kind, std::int64_t schema_version);

}  // namespace registry::http
