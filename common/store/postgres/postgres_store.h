#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/store/postgres/pool.h"
#include "common/store/store.h"

namespace registry::postgres {

// The newest version of migrations/: what the statements of this program were written for.
extern const int kNeededSchemaVersion;

// The store in a Postgres database, shared by any number of processes and machines. The time is the
// database's.
class PostgresStore final : public Store {
 public:
  // Connects before the first operation, not earlier.
  explicit PostgresStore(std::shared_ptr<Pool> pool);

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
  // Runs `work` with a connection, and turns what the database says against it into a Result or an
  // outage. `work` is one transaction, and runs again when it lost against another one.
  template <class Work>
  auto with_connection(const Work& work) -> decltype(work(std::declval<Connection&>()));

  const std::shared_ptr<Pool> pool_;
};

}  // namespace registry::postgres
