#include <set>

#include "common/store/sqlite/audit_page.h"
#include "common/store/sqlite/schema.h"
#include "tests/support/catch.h"

namespace registry::sqlite {
namespace {

// Every set of columns to compare, in either order.
std::vector<AuditQuery> every_query() {
  std::vector<AuditQuery> queries;
  for (unsigned combination = 0; combination < 32; ++combination) {
    AuditQuery query;
    if ((combination & 1U) != 0) query.tenant_id = Uuid::from_bytes({});
    if ((combination & 2U) != 0) query.product = "certifai";
    if ((combination & 4U) != 0) query.actor_id = "ada";
    if ((combination & 8U) != 0) query.action = "view";
    query.newest_first = (combination & 16U) != 0;
    queries.push_back(query);
  }
  return queries;
}

TEST_CASE("audit_page_sql: a page is a range of an index, whatever is compared") {
  Connection db(Connection::kInMemory);
  prepare_database(db, {0});
  for (const AuditQuery& query : every_query()) {
    const std::string sql = "EXPLAIN QUERY PLAN " + audit_page_sql(query);
    CAPTURE(sql);
    const std::optional<std::string> any;
    Statement row = db.query(sql, any, any, any, any, any, any, any, any, any, any, any, any);
    REQUIRE(row.step());
    const auto plan = row.get<std::string>(3);
    while (row.step()) CHECK(row.get<std::string>(3).find("TEMP B-TREE") == std::string::npos);
    CAPTURE(plan);
    CHECK(plan.starts_with("SEARCH audit_log USING "));
    const bool has_filter = query.tenant_id || query.product || query.actor_id || query.action;
    CHECK((plan.find("PRIMARY KEY") == std::string::npos) == has_filter);
  }
}

TEST_CASE("audit_page_sql: values do not make further texts") {
  std::set<std::string> texts;
  for (AuditQuery query : every_query()) {
    texts.insert(audit_page_sql(query));
    query.since = Timestamp{1};
    query.until = Timestamp{2};
    query.cursor = 3;
    query.limit = 4;
    if (query.product) query.product = "mapping";
    texts.insert(audit_page_sql(query));
  }
  CHECK(texts.size() == 32);
}

}  // namespace
}  // namespace registry::sqlite
