#pragma once

#include <string>

#include "common/store/store.h"

namespace registry::sqlite {

// The statement for a page of the trail: one text for each set of columns that the query compares
// and each order, 32 in all, so that a connection keeps no more of them. Its parameters are
// those of query_in_scope(), then tenant_id, product, actor_id, action, since, until, the
// ids between which it may be (the first exclusive, the last inclusive), and limit; those of
// columns that are not compared are without meaning.
[[nodiscard]] std::string audit_page_sql(const AuditQuery& query);

}  // namespace registry::sqlite
