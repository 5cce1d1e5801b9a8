#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/store/backend.h"
#include "tests/support/catch.h"
#include "tests/support/service.h"

// What the integration tests share: the service, and what every answer has to look like.
namespace registry::test {

// The suite runs over the embedded store and over Postgres. Tests of one of them alone are tagged
// [embedded] or [postgres]; what the others were answered must be the same over both.

// Looks into and arranges a service's database, behind the service's back.
[[nodiscard]] std::unique_ptr<Backend> attach_database(const Service& service);
// The same for the shared service.
[[nodiscard]] Backend& shared_database();

// Requires an application/problem+json answer of the shape that spec and openapi.yaml promise, or
// one of Retraced's form from the operations that have it.
void require_problem(const HttpResponse& response, int status, const std::string& code);

// The fields that a problem names, in the order given; in Retraced's form with the index of the
// event in front, "3 actor.name", but for event 0.
using Fields = std::vector<std::string>;
[[nodiscard]] Fields rejected_fields(const HttpResponse& response, int status = 400,
                                     const std::string& code = "invalid_request");

// A new tenant in status trial, as POST /v1/tenants answered; `attributes` replace the defaults.
[[nodiscard]] Json make_tenant(HttpClient& client, const Json& attributes = Json::object());
// A new tenant in any status.
[[nodiscard]] Json make_tenant_in(HttpClient& client, TenantStatus status);

// What no operation does yet, done behind the service's back, and out of the ledger's count.
void set_status(const Uuid& tenant_id, TenantStatus status);
void insert_entitlement(const EntitlementRow& row);
// Of a row that is there: it ended a second ago.
void end_entitlement(const Uuid& tenant_id, const std::string& product);
// A key as the service that is replaced has stored it: its plaintext is known elsewhere.
void insert_api_key(const Uuid& tenant_id, const std::string& prefix, const std::string& hash);

[[nodiscard]] Uuid id_of(const Json& tenant);
[[nodiscard]] std::string id_text(const Json& tenant);
// Of the right form, and the id of nothing.
inline constexpr const char* kNobody = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
// The actions in a tenant's audit trail, oldest first.
[[nodiscard]] std::vector<std::string> audit_actions(const Json& tenant);

}  // namespace registry::test
