#pragma once

#include <string>

#include "tests/migrate/session.h"

namespace registry::test {

// What a database has beyond an empty one and the migrator's own tables, an object per line, in an
// order and words that do not depend on the server's version.
[[nodiscard]] std::string catalog_of(Session& session);

// What the schema's specification says that catalog_of() gives.
[[nodiscard]] std::string expected_catalog();

}  // namespace registry::test
