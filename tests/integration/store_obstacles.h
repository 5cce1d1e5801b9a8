#pragma once

#include <memory>
#include <string>

#include "tests/support/service.h"

// What can stand between a service and its data, over either store.
namespace registry::test {

// Keeps every write of a service in flight, as long as this lives; reads go on.
class WriteLock {
 public:
  explicit WriteLock(const Service& service);
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;
  ~WriteLock();

  // Returns once a write of `function` is in flight, which must be the function's first use of its
  // database.
  void wait_for_write(const Process& function) const;

 private:
  struct Embedded;
  struct Postgres;
  std::unique_ptr<Embedded> embedded_;  // one of the two
  std::unique_ptr<Postgres> postgres_;
};

// Keeps a service from opening its database, as long as this lives. No function may have opened an
// embedded one before; a Postgres one must be in the shared cluster.
class StoreAway {
 public:
  explicit StoreAway(const Service& service);
  StoreAway(const StoreAway&) = delete;
  StoreAway& operator=(const StoreAway&) = delete;
  ~StoreAway();

  // Where the data would be: what only an operator may learn.
  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  std::string place_;
  bool is_on_postgres_;
};

}  // namespace registry::test
