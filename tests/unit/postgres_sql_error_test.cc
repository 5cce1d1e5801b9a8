#include "common/store/postgres/constraints.h"
#include "common/store/postgres/sql_error.h"
#include "tests/support/catch.h"

namespace registry::postgres {
namespace {

ErrorReport violation(const char* sqlstate, const char* constraint) {
  ErrorReport report;
  report.sqlstate = sqlstate;
  report.message = "duplicate key value";
  report.detail = "Key (slug)=(secret) already exists.";
  report.constraint = constraint;
  return report;
}

TEST_CASE("classify: an outage is what passes without a change of the program") {
  const auto sqlstate =
      GENERATE(as<std::string>(), "", "08006", "08P01", "25006", "25P03", "25P04", "40003", "42501",
               "42703", "42P01", "53100", "53300", "55P03", "57014", "57P01", "57P02", "57P03",
               "57P05", "58030", "XX000", "XX001");
  CHECK(classify(sqlstate) == Failure::kOutage);
}

TEST_CASE("classify: retried is what did nothing, and nothing else") {
  CHECK(classify("40001") == Failure::kRetry);
  CHECK(classify("40P01") == Failure::kRetry);
  CHECK(classify("26000") == Failure::kRetry);
  CHECK(classify("42P05") == Failure::kRetry);
  CHECK(classify("0A000") == Failure::kRetry);
  CHECK(classify("40002") == Failure::kOutage);
}

TEST_CASE("classify: a violated rule is a constraint; whatever is left is a bug") {
  CHECK(classify("23505") == Failure::kConstraint);
  CHECK(classify("23514") == Failure::kConstraint);
  for (const char* sqlstate : {"22P02", "25P02", "42601", "57000", "99999", "2"}) {
    CHECK(classify(sqlstate) == Failure::kBug);
  }
}

TEST_CASE("ends_connection: a session that is gone, going, or on the wrong server") {
  for (const char* sqlstate : {"", "08003", "57P01", "57P05", "25P03", "25006"}) {
    CHECK(ends_connection(sqlstate));
  }
  for (const char* sqlstate : {"23505", "40001", "55P03", "57014", "53300"}) {
    CHECK_FALSE(ends_connection(sqlstate));
  }
}

TEST_CASE("SqlError: its text has SQLSTATE and message, and no value of a row") {
  const SqlError error(violation("23505", "tenants_slug_key"));
  CHECK(std::string(error.what()) == "postgres: 23505: duplicate key value");
}

TEST_CASE("caller_error: the constraint decides, by its name") {
  const auto code = [](const char* sqlstate, const char* constraint) {
    const auto error = caller_error(SqlError(violation(sqlstate, constraint)));
    return error ? std::optional(error->code) : std::nullopt;
  };
  CHECK(code("23505", "tenants_slug_key") == ErrorCode::kSlugTaken);
  CHECK(code("23505", "tenants_pkey") == ErrorCode::kConflict);
  CHECK(code("23505", "tenants_erp_customer_id_key") == ErrorCode::kConflict);
  CHECK(code("23505", "tenants_stripe_cust_id_key") == ErrorCode::kConflict);
  CHECK(code("23505", "some_other_key") == std::nullopt);
  CHECK(code("23514", "tenants_slug_key") == std::nullopt);
}

}  // namespace
}  // namespace registry::postgres
