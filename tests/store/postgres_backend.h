#pragma once

#include <memory>
#include <string>

#include "tests/store/backend.h"

namespace registry::test {

// Each with a fresh database of the shared cluster, dropped with the backend.
[[nodiscard]] std::unique_ptr<Backend> make_postgres_backend();
// The store reaches it through PgBouncer in transaction mode; what tests arrange does not.
[[nodiscard]] std::unique_ptr<Backend> make_pgbouncer_backend();
// Arranges and inspects a database that a service uses.
[[nodiscard]] std::unique_ptr<Backend> attach_postgres_backend(const std::string& url);

}  // namespace registry::test
