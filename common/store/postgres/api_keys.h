#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/domain/api_key.h"
#include "common/store/postgres/connection.h"
#include "common/store/store.h"

// ApiKeyStore, over a connection. What the database says against an operation is thrown.
namespace registry::postgres {

[[nodiscard]] Result<ApiKey> create_api_key(Connection& db, const TenantScope& scope,
                                            const NewApiKey& key, const ChangeOrigin& origin);
[[nodiscard]] Result<std::vector<ApiKey>> api_keys(Connection& db, const TenantScope& scope,
                                                   const Uuid& tenant_id, bool include_revoked);
[[nodiscard]] Status revoke_api_key(Connection& db, const TenantScope& scope, const Uuid& id,
                                    const ChangeOrigin& origin);
[[nodiscard]] std::vector<ApiKeyCandidate> api_keys_by_prefix(
    Connection& db, std::string_view prefix, const std::optional<ProductId>& product);
[[nodiscard]] std::size_t note_key_uses(Connection& db, std::span<const KeyUse> uses);

}  // namespace registry::postgres
