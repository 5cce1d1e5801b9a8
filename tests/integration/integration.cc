#include "tests/integration/integration.h"

#include "tests/integration/change_ledger.h"
#include "tests/store/postgres_backend.h"
#include "tests/store/sqlite_backend.h"

namespace registry::test {

std::unique_ptr<Backend> attach_database(const Service& service) {
  const std::string url = service.database_url();
  if (!url.empty()) return attach_postgres_backend(url);
  return attach_sqlite_backend(service.database_path());
}

Backend& shared_database() {
  static const std::unique_ptr<Backend> kDatabase = attach_database(shared_service());
  return *kDatabase;
}

namespace {

// Whether an error is worded as Retraced's API does.
bool is_retraced_error(const HttpResponse& response) {
  return response.status >= 400 && response.header("content-type") == "application/json";
}

// That form tells no code.
void require_retraced_error(const HttpResponse& response) {
  const Json error = response.json();
  REQUIRE(error.size() == 4);
  REQUIRE(error.at("status") == response.status);
  REQUIRE(error.at("type") == "Error");
  REQUIRE_FALSE(error.at("error").get<std::string>().empty());
  REQUIRE(error.at("invalid").is_array());
}

// The members that such an error finds wrong, "3 actor.name" for one of the event 3.
std::vector<std::string> invalid_members(const Json& error) {
  std::vector<std::string> members;
  for (const Json& event : error.at("invalid")) {
    REQUIRE_FALSE(event.at("message").get<std::string>().empty());
    const auto index = event.at("index").get<int>();
    for (const Json& violation : event.at("violations")) {
      REQUIRE_FALSE(violation.at("message").get<std::string>().empty());
      const std::string field = violation.at("field");
      members.push_back(index == 0 ? field : std::to_string(index) + " " + field);
    }
  }
  return members;
}

}  // namespace

void require_problem(const HttpResponse& response, int status, const std::string& code) {
  CAPTURE(response.status, response.body);
  REQUIRE(response.status == status);
  if (is_retraced_error(response)) return require_retraced_error(response);
  REQUIRE(response.header("content-type") == "application/problem+json");
  const Json problem = response.json();
  REQUIRE(problem.at("type") == "urn:tenant-registry:problem:" + code);
  REQUIRE(problem.at("status") == status);
  REQUIRE(problem.at("code") == code);
  REQUIRE_FALSE(problem.at("title").get<std::string>().empty());
  REQUIRE(problem.at("detail").is_string());
  REQUIRE(problem.at("request_id") == response.header("x-request-id").value_or("no header"));
}

std::vector<std::string> rejected_fields(const HttpResponse& response, int status,
                                         const std::string& code) {
  require_problem(response, status, code);
  std::vector<std::string> fields;
  if (is_retraced_error(response)) return invalid_members(response.json());
  const Json problem = response.json();
  for (const Json& error : problem.at("errors")) {
    REQUIRE_FALSE(error.at("message").get<std::string>().empty());
    fields.push_back(error.at("field"));
  }
  return fields;
}

Json make_tenant(HttpClient& client, const Json& attributes) {
  const std::string slug = unique_name("tenant");
  Json body = {{"slug", slug}, {"name", "Tenant " + slug}};
  body.update(attributes);
  const HttpResponse response = client.post("/v1/tenants", body);
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

Json make_tenant_in(HttpClient& client, TenantStatus status) {
  const Json tenant =
      make_tenant(client, {{"kind", status == TenantStatus::kDemo ? "demo" : "customer"}});
  const std::string path = "/v1/tenants/" + tenant.at("id").get<std::string>();
  if (status == TenantStatus::kActive) return client.post(path + "/activate").json();
  if (status == TenantStatus::kFrozen) return client.post(path + "/cancel").json();
  if (status == TenantStatus::kArchived) set_status(id_of(tenant), status);
  return client.get(path).json();
}

void set_status(const Uuid& tenant_id, TenantStatus status) {
  shared_database().set_status(tenant_id, status);
  shared_ledger().discount(tenant_id);
}

void insert_entitlement(const EntitlementRow& row) {
  shared_database().insert_entitlement(row);
  shared_ledger().discount(row.tenant_id);
}

void end_entitlement(const Uuid& tenant_id, const std::string& product) {
  constexpr std::int64_t kSecondUs = 1'000'000;
  const Timestamp end{SystemClock().now().unix_us - kSecondUs};
  shared_database().decide_entitlement(tenant_id, product, /*enabled=*/true, end);
  shared_ledger().discount(tenant_id);
}

void insert_api_key(const Uuid& tenant_id, const std::string& prefix, const std::string& hash) {
  const auto key = shared_database().store().create_api_key(TenantScope::all(),
                                                            {.tenant_id = tenant_id,
                                                             .product = {},
                                                             .name = unique_name("stored"),
                                                             .scopes = {},
                                                             .hash = hash,
                                                             .prefix = prefix,
                                                             .created_by = {}},
                                                            ChangeOrigin{});
  REQUIRE(key.has_value());
  shared_ledger().discount(tenant_id);
}

std::string id_text(const Json& tenant) {
  return tenant.at("id");
}

Uuid id_of(const Json& tenant) {
  return Uuid::parse(tenant.at("id").get<std::string>()).value();
}

std::vector<std::string> audit_actions(const Json& tenant) {
  std::vector<std::string> actions;
  for (const AuditEvent& entry : shared_database().audit_trail(id_of(tenant))) {
    actions.push_back(entry.event.action);
  }
  return actions;
}

}  // namespace registry::test
