#pragma once

#include <memory>
#include <string>

#include "tests/store/backend.h"

namespace registry::test {

[[nodiscard]] std::unique_ptr<Backend> make_sqlite_memory_backend();
[[nodiscard]] std::unique_ptr<Backend> make_sqlite_disk_backend();
// Arranges and inspects the database file of a service that runs.
[[nodiscard]] std::unique_ptr<Backend> attach_sqlite_backend(const std::string& file);

}  // namespace registry::test
