#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/domain/uuid.h"
#include "tests/support/service.h"

namespace registry::test {

// Counts, inside a service's database, every change of a row that the service must audit: triggers
// of its own note each one in the transaction that makes it. So a change without its audit entry,
// or an entry without its change, cannot hide.
class ChangeLedger {
 public:
  // Counts from now on. Behind the service's back nobody else may write, but with discount().
  explicit ChangeLedger(const Service& service);
  ChangeLedger(const ChangeLedger&) = delete;
  ChangeLedger& operator=(const ChangeLedger&) = delete;
  ~ChangeLedger();

  // Takes out of the count the newest change of a tenant, which a test made itself.
  void discount(const Uuid& tenant_id);

  // How many changes were counted.
  [[nodiscard]] std::int64_t change_count();

  // One line for each tenant of which there are more changes than audit entries of changes, or
  // fewer.
  [[nodiscard]] std::vector<std::string> differences();

  // A database with the ledger's triggers; one for each kind of store.
  class Database;

 private:
  std::unique_ptr<Database> database_;
};

// Of the shared service, since its start.
[[nodiscard]] ChangeLedger& shared_ledger();

}  // namespace registry::test
