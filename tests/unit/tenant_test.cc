#include "common/domain/tenant.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/domain/entitlement.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

using enum TenantStatus;

const std::map<std::string, TenantStatus>& statuses() {
  static const std::map<std::string, TenantStatus> kStatuses = {{"demo", kDemo},
                                                                {"trial", kTrial},
                                                                {"active", kActive},
                                                                {"frozen", kFrozen},
                                                                {"archived", kArchived}};
  return kStatuses;
}

TEST_CASE("TenantStatus: each has a name that leads back to it") {
  for (const auto& [name, status] : statuses()) {
    CHECK(to_string(status) == name);
    CHECK(parse_tenant_status(name).value() == status);
  }
}

TEST_CASE("TenantKind: each has a name that leads back to it") {
  CHECK(to_string(TenantKind::kCustomer) == "customer");
  CHECK(to_string(TenantKind::kDemo) == "demo");
  CHECK(parse_tenant_kind("customer").value() == TenantKind::kCustomer);
  CHECK(parse_tenant_kind("demo").value() == TenantKind::kDemo);
}

TEST_CASE("TenantStatus, TenantKind: any other name is refused") {
  const auto text = GENERATE(as<std::string>(), "", "Demo", "DEMO", "demo ", "deleted", "0");
  CAPTURE(text);
  REQUIRE_FALSE(parse_tenant_status(text));
  REQUIRE_FALSE(parse_tenant_kind(text));
  CHECK(parse_tenant_status(text).error().starts_with("must be "));
  CHECK(parse_tenant_kind(text).error().starts_with("must be "));
}

TEST_CASE("initial_status: a customer starts with a trial, a demo as demo") {
  CHECK(initial_status(TenantKind::kCustomer) == kTrial);
  CHECK(initial_status(TenantKind::kDemo) == kDemo);
}

TEST_CASE("next_status: the whole state machine") {
  struct Row {
    TenantStatus from;
    std::optional<TenantStatus> activate;
    std::optional<TenantStatus> cancel;
  };
  const std::vector<Row> table = {{kTrial, kActive, kFrozen},
                                  {kActive, kActive, kFrozen},
                                  {kFrozen, kActive, kFrozen},
                                  {kDemo, {}, {}},
                                  {kArchived, {}, {}}};
  REQUIRE(table.size() == statuses().size());
  for (const Row& row : table) {
    CAPTURE(to_string(row.from));
    CHECK(next_status(row.from, Transition::kActivate) == row.activate);
    CHECK(next_status(row.from, Transition::kCancel) == row.cancel);
  }
}

TEST_CASE("contract_end_after_cancel: an open or later end becomes today, an earlier one stays") {
  const Date today{2026, 5, 19};
  CHECK(contract_end_after_cancel(std::nullopt, today) == today);
  CHECK(contract_end_after_cancel(Date{2026, 5, 20}, today) == today);
  CHECK(contract_end_after_cancel(Date{2026, 5, 19}, today) == today);
  CHECK(contract_end_after_cancel(Date{2026, 5, 18}, today) == Date{2026, 5, 18});
  CHECK(contract_end_after_cancel(Date{9999, 12, 31}, today) == today);
}

TEST_CASE("is_active: an entitlement has expired from the microsecond of expires_at on") {
  const Timestamp expires_at{1'000'000};
  CHECK(is_active(true, expires_at, kActive, {999'999}));
  CHECK_FALSE(is_active(true, expires_at, kActive, {1'000'000}));
  CHECK_FALSE(is_active(true, expires_at, kActive, {1'000'001}));
}

TEST_CASE("is_active: without an end it does not expire") {
  CHECK(is_active(true, std::nullopt, kActive, {INT64_MAX}));
}

TEST_CASE("is_active: a disabled one never counts") {
  CHECK_FALSE(is_active(false, std::nullopt, kActive, {0}));
  CHECK_FALSE(is_active(false, Timestamp{1}, kActive, {0}));
}

TEST_CASE("is_active: counts in every status of the tenant but archived") {
  for (const auto& [name, status] : statuses()) {
    CAPTURE(name);
    CHECK(is_active(true, std::nullopt, status, {0}) == (status != kArchived));
  }
}

}  // namespace
}  // namespace registry
