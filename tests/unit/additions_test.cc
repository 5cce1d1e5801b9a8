#include "common/store/additions.h"

#include "common/domain/audit_event.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

constexpr Timestamp kMoment{1'779'185'415'123'456};

ProductRow product_row(bool active, bool requested, bool tried) {
  ProductRow row{.entitlement = {.product = "certifai",
                                 .enabled = active,
                                 .active = active,
                                 .config_json = "{}",
                                 .expires_at = {},
                                 .created_at = kMoment,
                                 .updated_at = kMoment},
                 .origin = {}};
  if (requested) row.origin.requested_at = kMoment;
  if (tried) row.origin.trial_started_at = kMoment;
  return row;
}

std::optional<ErrorCode> code_of(const std::optional<Error>& refusal) {
  if (!refusal) return std::nullopt;
  CHECK_FALSE(refusal->detail.empty());
  return refusal->code;
}

TEST_CASE("refusal_of_additions: frozen and archived tenants take nothing new") {
  CHECK_FALSE(refusal_of_additions(TenantStatus::kDemo));
  CHECK_FALSE(refusal_of_additions(TenantStatus::kTrial));
  CHECK_FALSE(refusal_of_additions(TenantStatus::kActive));
  CHECK(code_of(refusal_of_additions(TenantStatus::kFrozen)) == ErrorCode::kTenantFrozen);
  CHECK(code_of(refusal_of_additions(TenantStatus::kArchived)) == ErrorCode::kTenantArchived);
}

TEST_CASE("request_refusal, trial_refusal: the tenant's status counts before the row") {
  const auto row = GENERATE(as<std::optional<ProductRow>>(), std::nullopt,
                            product_row(true, false, false), product_row(false, true, false),
                            product_row(true, false, true), product_row(false, true, true));
  CHECK(code_of(request_refusal(TenantStatus::kFrozen, row)) == ErrorCode::kTenantFrozen);
  CHECK(code_of(request_refusal(TenantStatus::kArchived, row)) == ErrorCode::kTenantArchived);
  CHECK(code_of(trial_refusal(TenantStatus::kFrozen, row)) == ErrorCode::kTenantFrozen);
  CHECK(code_of(trial_refusal(TenantStatus::kArchived, row)) == ErrorCode::kTenantArchived);
}

TEST_CASE("request_refusal, trial_refusal: every row of a tenant that takes new products") {
  struct Case {
    std::optional<ProductRow> row;
    std::optional<ErrorCode> request;
    std::optional<ErrorCode> trial;
  };
  const std::vector<Case> table = {
      {std::nullopt, {}, {}},
      {product_row(false, false, false), {}, {}},
      {product_row(false, true, false), {}, {}},
      {product_row(false, false, true), {}, ErrorCode::kTrialAlreadyUsed},
      {product_row(false, true, true), {}, ErrorCode::kTrialAlreadyUsed},
      {product_row(true, false, false), ErrorCode::kAlreadyEntitled, ErrorCode::kAlreadyEntitled},
      {product_row(true, true, false), ErrorCode::kAlreadyEntitled, ErrorCode::kAlreadyEntitled},
      {product_row(true, false, true), ErrorCode::kAlreadyEntitled, ErrorCode::kTrialAlreadyUsed},
  };
  for (std::size_t i = 0; i < table.size(); ++i) {
    CAPTURE(i);
    for (const auto status : {TenantStatus::kDemo, TenantStatus::kTrial, TenantStatus::kActive}) {
      CHECK(code_of(request_refusal(status, table[i].row)) == table[i].request);
      CHECK(code_of(trial_refusal(status, table[i].row)) == table[i].trial);
    }
  }
}

TEST_CASE("api_key_not_found, api_key_name_taken: their codes") {
  CHECK(api_key_not_found().code == ErrorCode::kNotFound);
  CHECK(api_key_name_taken().code == ErrorCode::kNameTaken);
}

TEST_CASE("tenant_member, project_member: named as the caller named them") {
  AuditSubmission submission;
  CHECK(tenant_member(submission) == "tenant_id");
  CHECK(project_member(submission) == "project_id");
  submission.place = "[3].";
  CHECK(tenant_member(submission) == "[3].tenant_id");
  submission.retraced_json = "{}";
  CHECK(tenant_member(submission) == "[3].group.id");
  CHECK(project_member(submission) == "[3].project_id");
}

}  // namespace
}  // namespace registry
