#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/store/sqlite/pool.h"
#include "common/store/store.h"

namespace registry::sqlite {

// The store in a SQLite database, shared by any number of threads and processes.
class SqliteStore final : public Store {
 public:
  // Touches no file before the first operation. `clock` must outlive the store; it alone decides
  // what time it is.
  SqliteStore(std::shared_ptr<Pool> pool, const Clock& clock);

  [[nodiscard]] Result<CreatedTenant> create_tenant(const NewTenant& tenant,
                                                    const ChangeOrigin& origin) override;
  [[nodiscard]] Result<Tenant> tenant_by_id(const Uuid& id) override;
  [[nodiscard]] Result<Tenant> tenant_by_slug(const Slug& slug) override;
  [[nodiscard]] Result<Tenant> activate_tenant(const Uuid& id, const Activation& activation,
                                               const ChangeOrigin& origin) override;
  [[nodiscard]] Result<Tenant> cancel_tenant(const Uuid& id,
                                             const std::optional<std::string>& reason,
                                             const ChangeOrigin& origin) override;
  [[nodiscard]] Result<std::vector<Entitlement>> entitlements(
      const Uuid& tenant_id, const std::optional<ProductId>& product) override;
  [[nodiscard]] Health check_health() override;

 private:
  const std::shared_ptr<Pool> pool_;
  const Clock& clock_;
};

}  // namespace registry::sqlite
