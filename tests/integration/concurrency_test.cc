#include <algorithm>
#include <functional>
#include <map>
#include <thread>

#include "tests/integration/integration.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

constexpr int kClients = 16;

// Runs the same call from kClients clients at once and gives what each was answered.
std::vector<HttpResponse> from_all_clients(
    const std::function<HttpResponse(HttpClient&, int)>& call) {
  std::vector<HttpResponse> responses(kClients);
  std::vector<std::thread> threads;
  const Service& service = shared_service();
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      HttpClient client = service.client();
      responses[static_cast<std::size_t>(i)] = call(client, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return responses;
}

// The answer to a new key, for which a machine that is busy may ask to be asked again: sixteen runs
// of argon2 take a while.
HttpResponse create_key(HttpClient& client, const Json& body) {
  HttpResponse response;
  wait_until("a key", [&] {
    response = client.post("/v1/api-keys", body);
    return response.status != 503;
  });
  return response;
}

std::map<int, int> count_by_status(const std::vector<HttpResponse>& responses) {
  std::map<int, int> counts;
  for (const HttpResponse& response : responses) ++counts[response.status];
  return counts;
}

}  // namespace

TEST_CASE("concurrency: of sixteen creates of one slug one is 201, the others 409", "[racing]") {
  const std::string slug = unique_name("race");
  const RowCounts before = shared_database().row_counts();
  const auto responses = from_all_clients([&](HttpClient& client, int) {
    return client.post("/v1/tenants", {{"slug", slug}, {"name", "Race"}});
  });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{201, 1}, {409, kClients - 1}});
  const RowCounts after = shared_database().row_counts();
  REQUIRE(after.tenants == before.tenants + 1);
  REQUIRE(after.audit_events == before.audit_events + 1);
}

TEST_CASE("concurrency: of sixteen creates of one id one is 201, the others 200 with the same row",
          "[racing]") {
  const Json body = {{"id", unique_uuid()}, {"slug", unique_name("race")}, {"name", "Race"}};
  const auto responses =
      from_all_clients([&](HttpClient& client, int) { return client.post("/v1/tenants", body); });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{200, kClients - 1}, {201, 1}});
  for (const HttpResponse& response : responses) REQUIRE(response.body == responses[0].body);
  REQUIRE(audit_actions(responses[0].json()) == std::vector<std::string>{"tenant.create"});
}

TEST_CASE("concurrency: of sixteen trial requests one is 201, the others 409", "[racing]") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json body = {{"tenant_id", tenant.at("id")}, {"product", "certifai"}};
  const RowCounts before = shared_database().row_counts();
  const auto responses = from_all_clients(
      [&](HttpClient& own, int) { return own.post("/v1/catalog/trial-request", body); });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{201, 1}, {409, kClients - 1}});
  for (const HttpResponse& response : responses) {
    if (response.status == 409) require_problem(response, 409, "trial_already_used");
  }
  const RowCounts after = shared_database().row_counts();
  REQUIRE(after.entitlements == before.entitlements + 1);
  REQUIRE(after.audit_events == before.audit_events + 1);
}

TEST_CASE("concurrency: sixteen requests of a product are one, and answered alike", "[racing]") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json body = {{"tenant_id", tenant.at("id")}, {"product", "certifai"}};
  const auto responses =
      from_all_clients([&](HttpClient& own, int) { return own.post("/v1/catalog/request", body); });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{202, kClients}});
  for (const HttpResponse& response : responses) REQUIRE(response.body == responses[0].body);
  REQUIRE(audit_actions(tenant) == std::vector<std::string>{"tenant.create", "catalog.request"});
}

TEST_CASE("concurrency: of sixteen keys of one name one is 201, the others 409", "[racing]") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json body = {{"tenant_id", tenant.at("id")}, {"name", "race"}};
  const auto responses =
      from_all_clients([&](HttpClient& own, int) { return create_key(own, body); });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{201, 1}, {409, kClients - 1}});
  const std::string list = "/v1/api-keys?tenant_id=" + tenant.at("id").get<std::string>();
  REQUIRE(client.get(list).json().at("api_keys").size() == 1);
  REQUIRE(audit_actions(tenant) == std::vector<std::string>{"tenant.create", "api_key.create"});

  SECTION("and sixteen revocations of it are one") {
    const Json key = client.get(list).json().at("api_keys")[0];
    const std::string path = "/v1/api-keys/" + key.at("id").get<std::string>();
    const auto revocations = from_all_clients(
        [&](HttpClient& own, int) { return own.send({.method = "DELETE", .path = path}); });
    REQUIRE(count_by_status(revocations) == std::map<int, int>{{204, kClients}});
    REQUIRE(audit_actions(tenant) ==
            std::vector<std::string>{"tenant.create", "api_key.create", "api_key.revoke"});
  }
}

TEST_CASE("concurrency: a cancelled tenant gets no trial, whichever comes first", "[racing]") {
  HttpClient client = shared_service().client();
  for (int round = 0; round < 10; ++round) {
    const Json tenant = make_tenant(client);
    const std::string id = tenant.at("id");
    const auto responses = from_all_clients([&](HttpClient& own, int i) {
      if (i % 2 == 0) return own.post("/v1/tenants/" + id + "/cancel");
      return own.post("/v1/catalog/trial-request", {{"tenant_id", id}, {"product", "certifai"}});
    });
    REQUIRE(count_by_status(responses)[200] == kClients / 2);
    // Nothing is added to a tenant after its end.
    const std::vector<std::string> actions = audit_actions(tenant);
    REQUIRE(actions.back() == "tenant.cancel");
    REQUIRE(actions.size() <= 3);
  }
}

TEST_CASE("concurrency: sixteen producers append in bulk, and each finds its own events",
          "[racing]") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  constexpr int kEvents = 50;
  const auto responses = from_all_clients([&](HttpClient& own, int i) {
    Json events = Json::array();
    for (int n = 0; n < kEvents; ++n) {
      events.push_back({{"action", "step." + std::to_string(n)},
                        {"actor_id", "producer-" + std::to_string(i)},
                        {"tenant_id", tenant.at("id")}});
    }
    return own.post("/v1/audit", events);
  });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{201, kClients}});
  for (int i = 0; i < kClients; ++i) {
    const Json found = client
                           .get("/v1/audit?tenant_id=" + tenant.at("id").get<std::string>() +
                                "&actor_id=producer-" + std::to_string(i))
                           .json();
    const Json receipts = responses[static_cast<std::size_t>(i)].json();
    REQUIRE(found.at("events").size() == kEvents);
    for (std::size_t n = 0; n < kEvents; ++n) {
      REQUIRE(found.at("events")[n].at("id") == receipts[n].at("id"));
      REQUIRE(found.at("events")[n].at("action") == "step." + std::to_string(n));
    }
  }
}

TEST_CASE("concurrency: activate against cancel ends in one state, each change audited once",
          "[racing]") {
  HttpClient client = shared_service().client();
  for (int round = 0; round < 10; ++round) {
    const Json tenant = make_tenant(client);
    const std::string path = "/v1/tenants/" + tenant.at("id").get<std::string>();
    const auto responses = from_all_clients([&](HttpClient& own, int i) {
      return own.post(path + (i % 2 == 0 ? "/activate" : "/cancel"));
    });
    REQUIRE(count_by_status(responses) == std::map<int, int>{{200, kClients}});
    // The trail is a chain: each entry starts from the state that the one before it led to.
    std::string state = "trial";
    const auto trail = shared_database().audit_trail(id_of(tenant));
    for (auto entry = trail.begin() + 1; entry != trail.end(); ++entry) {
      const Json metadata = Json::parse(entry->event.metadata_json);
      REQUIRE(metadata.at("from") == state);
      REQUIRE(metadata.at("to") != state);
      state = metadata.at("to");
    }
    REQUIRE(client.get(path).json().at("status") == state);
  }
}

TEST_CASE("concurrency: sixteen clients on all functions at once get only right answers",
          "[racing]") {
  const auto responses = from_all_clients([&](HttpClient& client, int i) {
    HttpResponse last;
    for (int round = 0; round < 10; ++round) {
      // Not by make_tenant(), which asserts: assertions belong to the main thread.
      const Json tenant = client
                              .post("/v1/tenants", {{"slug", unique_name("client")},
                                                    {"name", "Client " + std::to_string(i)}})
                              .json();
      const std::string path = "/v1/tenants/" + tenant.at("id").get<std::string>();
      last = client.post(path + "/activate", {{"plan", "pro"}});
      const HttpResponse read = client.get(path);
      if (read.body != last.body) throw std::runtime_error("read " + read.body);
    }
    return last;
  });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{200, kClients}});
}

TEST_CASE("concurrency: of sixteen appends with one key one takes place, and all get its receipts",
          "[racing]") {
  const std::string action = unique_name("once");
  const HttpRequest request{
      .method = "POST",
      .path = "/v1/audit",
      .body = Json(Json::array({{{"action", action}}, {{"action", action}}})).dump(),
      .headers = {"Idempotency-Key: " + action}};
  const auto responses =
      from_all_clients([&](HttpClient& client, int) { return client.send(request); });
  REQUIRE(count_by_status(responses) == std::map<int, int>{{201, kClients}});
  for (const HttpResponse& response : responses) REQUIRE(response.body == responses[0].body);
  HttpClient client = shared_service().client();
  REQUIRE(client.get("/v1/audit?action=" + action).json().at("events").size() == 2);
}

}  // namespace registry::test
