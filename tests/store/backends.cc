#include "tests/store/backend.h"
#include "tests/store/sqlite_backend.h"

namespace registry::test {

const std::vector<BackendKind>& backend_kinds() {
  static const std::vector<BackendKind> kKinds = {
      {.name = "sqlite memory",
       .make = make_sqlite_memory_backend,
       .is_shared_between_processes = false,
       .has_settable_clock = true},
      {.name = "sqlite disk",
       .make = make_sqlite_disk_backend,
       .is_shared_between_processes = true,
       .has_settable_clock = true},
  };
  return kKinds;
}

}  // namespace registry::test
