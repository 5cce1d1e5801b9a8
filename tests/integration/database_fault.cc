#include "tests/integration/database_fault.h"

#include <algorithm>
#include <chrono>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include <poll.h>

#include "tests/support/wait.h"

namespace registry::test {
namespace {

// Between an answer 503 and the next attempt: leaves the processor to the database that comes back.
constexpr int kPauseMs = 10;
constexpr const char* kAcmeId = "00000000-0000-0000-0000-000000000001";

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Whether a line of a log says no more than that the database cannot be reached.
bool is_outage(const std::string& line) {
  // Without a SQLSTATE, or with one of a session that is ended or refused.
  static const std::regex kPattern(
      R"re("status":503|"msg":"postgres: (08|57P0)|"msg":"postgres: (?![0-9A-Z]{5}: ))re");
  return std::regex_search(line, kPattern);
}

}  // namespace

std::string OwnDatabase::value(const std::string& query) const {
  return one_line(cluster.sql(name, query));
}

Survival::Survival(Service& service) : service_(service) {
  for (const std::string& operation : operation_ids()) {
    pids_.emplace(operation, service.function(operation).pid());
  }
}

void Survival::require_processes() const {
  for (const auto& [operation, pid] : pids_) {
    CAPTURE(operation);
    REQUIRE(service_.function(operation).is_running());
    REQUIRE(service_.function(operation).pid() == pid);
  }
}

void Survival::require() const {
  require_processes();
  std::vector<std::string> problems = service_.log_problems();
  problems.erase(std::remove_if(problems.begin(), problems.end(), is_outage), problems.end());
  CAPTURE(problems);
  REQUIRE(problems.empty());
}

std::vector<Call> calls_of_every_operation() {
  const std::string acme = std::string("/v1/tenants/") + kAcmeId;
  const Json tenant = {{"id", unique_uuid()}, {"slug", unique_name("outage")}, {"name", "Outage"}};
  const std::string of_tenant = "/v1/tenants/" + tenant.at("id").get<std::string>();
  const Json product = {{"tenant_id", tenant.at("id")}, {"product", "certifai"}};
  const Json key = {{"tenant_id", tenant.at("id")}, {"name", "Outage"}};
  const auto post = [](const std::string& path, const Json& body) {
    return HttpRequest{.method = "POST", .path = path, .body = body.dump()};
  };
  const std::string of_acme = std::string("?tenant_id=") + kAcmeId;
  std::vector<Call> calls = {
      {"health_live", {.path = "/healthz"}},
      {"health_ready", {.path = "/readyz"}},
      {"metrics_get", {.path = "/metrics"}},
      {"catalog_list", {.path = "/v1/catalog"}},
      {"tenant_get", {.path = acme}},
      {"tenant_get_by_slug", {.path = "/v1/tenants/by-slug/acme"}},
      {"entitlement_list", {.path = "/v1/entitlements" + of_acme}},
      {"tenant_create", post("/v1/tenants", tenant), 201},
      {"tenant_activate", {.method = "POST", .path = of_tenant + "/activate"}},
      {"catalog_request", post("/v1/catalog/request", product), 202},
      {"catalog_trial_request", post("/v1/catalog/trial-request", product), 201},
      {"api_key_create", post("/v1/api-keys", key), 201},
      {"api_key_list", {.path = "/v1/api-keys" + of_acme}},
      {"api_key_revoke", {.method = "DELETE", .path = "/v1/api-keys/" + unique_uuid()}, 404},
      {"api_key_verify",
       post("/v1/internal/api-keys/verify", {{"key", "bp_AAAAAAAAAAAAAAAAAAAAAA"}})},
      {"tenant_cancel", {.method = "POST", .path = of_tenant + "/cancel"}},
      {"audit_append", post("/v1/audit", {{"action", "outage"}}), 201},
      {"audit_publish", post("/publisher/v1/project/default/event", {{"action", "outage"}}), 201},
      {"audit_publish_bulk",
       post("/auditlog/publisher/v1/project/default/event/bulk",
            {{"events", Json::array({{{"action", "outage"}}})}}),
       201},
      {"audit_list", {.path = "/v1/audit" + of_acme}},
  };
  std::set<std::string> called;
  for (const Call& call : calls) called.insert(call.operation);
  for (const std::string& operation : operation_ids()) {
    if (!called.contains(operation)) throw std::runtime_error("add a call of " + operation);
  }
  return calls;
}

bool needs_no_database(const std::string& operation) {
  return operation == "health_live" || operation == "metrics_get" || operation == "catalog_list";
}

std::string unready_detail(HttpClient& client) {
  const HttpResponse response = client.get("/readyz");
  require_problem(response, 503, "unavailable");
  return response.json().at("detail");
}

// One client's thread.
class TenantLives::Client {
 public:
  explicit Client(TenantLives& lives) : lives_(lives), http_(lives.service_.client()) {}

  void run() {
    while (!lives_.stop_) {
      try {
        live();
        ++lives_.completed_;
      } catch (const std::exception& error) {
        lives_.note_wrong(error.what());
      }
    }
  }

 private:
  void live() {
    const std::string id = unique_uuid();
    const std::string slug = unique_name("life");
    const std::string path = "/v1/tenants/" + id;
    last_ = {{"id", id}, {"slug", slug}, {"name", "Life"}, {"sales_owner", "load"}};
    step("/v1/tenants", last_, {{"status", "trial"}, {"plan", "starter"}});
    read(path);
    step(path + "/activate", {{"plan", "gold"}}, {{"status", "active"}, {"plan", "gold"}});
    read("/v1/tenants/by-slug/" + slug);
    const HttpResponse list = answer({.path = "/v1/entitlements?tenant_id=" + id});
    expect(list.status == 200 && list.json().at("entitlements").empty(), list);
    step(path + "/cancel", {{"reason", "load"}}, {{"status", "frozen"}, {"plan", "gold"}});
    read(path);
  }

  // A write, after which the tenant is as it was but for `changes`, what the database fills in when
  // it is made, and the days that a write sets.
  void step(const std::string& path, const Json& body, const Json& changes) {
    bool was_out = false;
    const HttpResponse response =
        answer({.method = "POST", .path = path, .body = body.dump()}, &was_out);
    const bool is_create = path == "/v1/tenants";
    // 200 says that it is there already, which only a request with a lost answer may have done.
    const bool is_right = is_create ? response.status == 201 || (response.status == 200 && was_out)
                                    : response.status == 200;
    expect(is_right, response);
    Json expected = last_;
    expected.update(changes);
    const Json tenant = response.json();
    for (const auto& [name, value] : expected.items()) {
      const bool is_set = name == "updated_at" || name == "contract_end";
      expect(is_set || tenant.at(name) == value, response);
    }
    keep(tenant);
  }

  void read(const std::string& path) {
    const HttpResponse response = answer({.path = path});
    expect(response.status == 200 && response.json() == last_, response);
  }

  // What the request is answered once that is not 503; `was_out`: whether that took a repetition.
  HttpResponse answer(const HttpRequest& request, bool* was_out = nullptr) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      HttpResponse response = http_.send(request);
      ++lives_.answers_;
      if (response.status != 503) return response;
      ++lives_.outages_;
      if (was_out != nullptr) *was_out = true;
      expect(response.header("retry-after") == "1", response);
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("503 without end");
      ::poll(nullptr, 0, kPauseMs);
    }
  }

  void keep(const Json& tenant) {
    last_ = tenant;
    const std::lock_guard lock(lives_.mutex_);
    lives_.last_seen_[tenant.at("id")] = tenant;
  }

  void expect(bool is_right, const HttpResponse& response) const {
    if (is_right) return;
    throw std::runtime_error("after " + last_.dump() + ": " + std::to_string(response.status) +
                             " " + response.body);
  }

  TenantLives& lives_;
  HttpClient http_;
  Json last_;  // the tenant as last answered
};

TenantLives::TenantLives(const Service& service, int clients) : service_(service) {
  for (int i = 0; i < clients; ++i) {
    threads_.emplace_back([this] { Client(*this).run(); });
  }
}

TenantLives::~TenantLives() {
  stop();
}

void TenantLives::stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void TenantLives::note_wrong(const std::string& what) {
  const std::lock_guard lock(mutex_);
  wrong_.push_back(what);
}

void TenantLives::require_all_well(const PostgresCluster& cluster, const std::string& database) {
  stop();
  CAPTURE(wrong_);
  REQUIRE(wrong_.empty());
  REQUIRE(last_seen_.size() == static_cast<std::size_t>(completed()));
  require_rows();
  REQUIRE(one_line(cluster.sql(database, "SELECT count(*) FROM tenants WHERE slug <> 'acme'")) ==
          std::to_string(last_seen_.size()));
  require_trails(cluster.sql(database,
                             "SELECT tenant_id || ' ' || jsonb_agg(jsonb_build_array("
                             "action, metadata->>'from', metadata->>'to') ORDER BY id) FROM "
                             "audit_log GROUP BY tenant_id"));
}

void TenantLives::require_rows() const {
  HttpClient client = service_.client();
  for (const auto& [id, tenant] : last_seen_) {
    const HttpResponse response = client.get("/v1/tenants/" + id);
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    REQUIRE(response.json() == tenant);
  }
}

// `trails`: a line per tenant, its id and its entries.
void TenantLives::require_trails(const std::string& trails) const {
  const Json expected = {{"tenant.create", nullptr, "trial"},
                         {"tenant.activate", "trial", "active"},
                         {"tenant.cancel", "active", "frozen"}};
  std::istringstream lines(trails);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    const std::size_t space = line.find(' ');
    REQUIRE(last_seen_.contains(line.substr(0, space)));
    REQUIRE(Json::parse(line.substr(space + 1)) == expected);
  }
  REQUIRE(count == last_seen_.size());
}

}  // namespace registry::test
