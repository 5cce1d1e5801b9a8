#include <optional>
#include <string>

#include "common/domain/api_key.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

const Uuid kKeyId = *Uuid::parse("00000000-0000-0000-0000-000000000001");
const ProductId kCertifai = *ProductId::parse("certifai");
const ProductId kCompliance = *ProductId::parse("compliance");

ApiKeyCandidate some_candidate() {
  return {.key = {.id = kKeyId,
                  .tenant_id = kKeyId,
                  .product = {},
                  .name = "ci",
                  .scopes = {},
                  .prefix = "bp_AAAAAAAA",
                  .created_by = {},
                  .last_used_at = {},
                  .revoked_at = {},
                  .created_at = {0}},
          .hash = "",
          .tenant_slug = "acme",
          .tenant_status = TenantStatus::kActive,
          .entitlement = {}};
}

TEST_CASE("verdict_on: a key without limits is valid for any product") {
  CHECK(verdict_on(some_candidate(), {}, {}) == KeyVerdict::kValid);
  CHECK(verdict_on(some_candidate(), kCertifai, {}) == KeyVerdict::kValid);
}

TEST_CASE(
    "verdict_on: a key for one product is refused for another, and valid when none is named") {
  ApiKeyCandidate candidate = some_candidate();
  candidate.key.product = "certifai";
  CHECK(verdict_on(candidate, kCertifai, {}) == KeyVerdict::kValid);
  CHECK(verdict_on(candidate, kCompliance, {}) == KeyVerdict::kWrongProduct);
  CHECK(verdict_on(candidate, {}, {}) == KeyVerdict::kValid);
}

TEST_CASE("verdict_on: every scope that is asked for must be the key's, as it is written") {
  ApiKeyCandidate candidate = some_candidate();
  candidate.key.scopes = {"audit:write", "report:*", "a"};
  CHECK(verdict_on(candidate, {}, {"a"}) == KeyVerdict::kValid);
  CHECK(verdict_on(candidate, {}, {"a", "audit:write"}) == KeyVerdict::kValid);
  CHECK(verdict_on(candidate, {}, {"a", "a"}) == KeyVerdict::kValid);
  CHECK(verdict_on(candidate, {}, {"report:*"}) == KeyVerdict::kValid);
  for (const std::string scope : {"report:read", "*", "audit", "audit:write:x", "b"}) {
    CAPTURE(scope);
    CHECK(verdict_on(candidate, {}, {"a", scope}) == KeyVerdict::kInsufficientScope);
  }
  CHECK(verdict_on(some_candidate(), {}, {"a"}) == KeyVerdict::kInsufficientScope);
}

TEST_CASE("verdict_on: only an archived tenant's key is refused for its tenant") {
  ApiKeyCandidate candidate = some_candidate();
  for (const TenantStatus status :
       {TenantStatus::kTrial, TenantStatus::kActive, TenantStatus::kFrozen, TenantStatus::kDemo}) {
    candidate.tenant_status = status;
    CHECK(verdict_on(candidate, {}, {}) == KeyVerdict::kValid);
  }
  candidate.tenant_status = TenantStatus::kArchived;
  CHECK(verdict_on(candidate, {}, {}) == KeyVerdict::kTenantArchived);
}

TEST_CASE("verdict_on: of several reasons the first is told") {
  ApiKeyCandidate candidate = some_candidate();
  candidate.key.product = "certifai";
  candidate.key.revoked_at = Timestamp{1};
  candidate.tenant_status = TenantStatus::kArchived;
  const auto verdict = [&] { return verdict_on(candidate, kCompliance, {"a"}); };
  CHECK(verdict() == KeyVerdict::kRevoked);
  candidate.key.revoked_at.reset();
  CHECK(verdict() == KeyVerdict::kTenantArchived);
  candidate.tenant_status = TenantStatus::kActive;
  CHECK(verdict() == KeyVerdict::kWrongProduct);
  candidate.key.product = "compliance";
  CHECK(verdict() == KeyVerdict::kInsufficientScope);
  candidate.key.scopes = {"a"};
  CHECK(verdict() == KeyVerdict::kValid);
}

TEST_CASE("KeyVerdict: the codes of the API") {
  CHECK(to_string(KeyVerdict::kValid) == "VALID");
  CHECK(to_string(KeyVerdict::kMalformed) == "MALFORMED");
  CHECK(to_string(KeyVerdict::kNotFound) == "NOT_FOUND");
  CHECK(to_string(KeyVerdict::kRevoked) == "REVOKED");
  CHECK(to_string(KeyVerdict::kTenantArchived) == "TENANT_ARCHIVED");
  CHECK(to_string(KeyVerdict::kWrongProduct) == "WRONG_PRODUCT");
  CHECK(to_string(KeyVerdict::kInsufficientScope) == "INSUFFICIENT_SCOPE");
}

}  // namespace
}  // namespace registry
