#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <stdexcept>

#include "tests/store/backend.h"
#include "tests/store/postgres_backend.h"
#include "tests/store/sqlite_backend.h"

namespace registry::test {
namespace {

const std::vector<BackendKind>& all_kinds() {
  static const std::vector<BackendKind> kKinds = {
      {.name = "sqlite memory",
       .store = "embedded",
       .make = make_sqlite_memory_backend,
       .is_shared_between_processes = false,
       .has_settable_clock = true},
      {.name = "sqlite disk",
       .store = "embedded",
       .make = make_sqlite_disk_backend,
       .is_shared_between_processes = true,
       .has_settable_clock = true},
      {.name = "postgres",
       .store = "postgres",
       .make = make_postgres_backend,
       .is_shared_between_processes = true,
       .has_settable_clock = false},
      {.name = "postgres through pgbouncer",
       .store = "postgres",
       .make = make_pgbouncer_backend,
       .is_shared_between_processes = true,
       .has_settable_clock = false},
  };
  return kKinds;
}

std::vector<BackendKind> wanted_kinds() {
  const char* store = std::getenv("TEST_STORE");
  if (store == nullptr) return all_kinds();
  std::vector<BackendKind> wanted;
  std::copy_if(all_kinds().begin(), all_kinds().end(), std::back_inserter(wanted),
               [&](const BackendKind& kind) { return kind.store == store; });
  if (wanted.empty()) throw std::runtime_error("TEST_STORE must be postgres or embedded");
  return wanted;
}

}  // namespace

const std::vector<BackendKind>& backend_kinds() {
  static const std::vector<BackendKind> kKinds = wanted_kinds();
  return kKinds;
}

}  // namespace registry::test
