#include <filesystem>
#include <map>

#include "tests/integration/guarded_service.h"
#include "tests/support/transcript.h"

// What Retraced's clients get: the npm package as it is published, and what others send.
namespace registry::test {
namespace {

const std::string kPublish = "/publisher/v1/project/default/event";
const std::string kBulk = kPublish + "/bulk";

// A tenant of the guarded service with a key of its own.
struct Producer {
  explicit Producer(const Json& attributes = Json::object()) : tenant(make_guarded_tenant()) {
    Json all = {{"name", "Producer"}, {"scopes", {"audit:write"}}};
    all.update(attributes);
    key = make_guarded_key(tenant, all).at("key");
  }

  [[nodiscard]] HttpResponse post(const std::string& path, const Json& body) const {
    return send({.method = "POST", .path = path, .body = body.dump()});
  }
  [[nodiscard]] HttpResponse send(const HttpRequest& request) const {
    return shared_guarded_service().send_with(request, "token=" + key);
  }

  // Its entries, oldest first, without that of the key.
  [[nodiscard]] std::vector<Json> entries() const {
    std::vector<Json> all;
    std::string cursor;
    while (true) {
      const Json page =
          shared_guarded_service()
              .send({.path = "/v1/audit?limit=500&tenant_id=" + id_text(tenant) + cursor},
                    administrator())
              .json();
      for (const Json& event : page.at("events")) {
        const std::string action = event.at("action");
        if (action != "tenant.create" && action != "api_key.create") all.push_back(event);
      }
      if (page.at("next_cursor").is_null()) return all;
      cursor = "&cursor=" + page.at("next_cursor").dump();
    }
  }

  Json tenant;
  std::string key;
};

Json receipt_of(const HttpResponse& response) {
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

Json client_settings(const Producer& producer) {
  const int port = shared_guarded_service().service().port();
  return {{"endpoint", "http://127.0.0.1:" + std::to_string(port) + "/auditlog"},
          {"key", producer.key},
          {"project", "default"},
          {"groups", {producer.tenant.at("id"), producer.tenant.at("slug")}},
          {"single", 200},
          {"bulks", 16},
          {"seed", 7}};
}

// Runs tests/retraced_client/report.mjs, beside the packages that it needs.
Json report_with_npm_client(const Json& settings) {
  const TempFolder folder;
  const std::string installed = build_folder() + "/retraced_client";
  const std::string script = installed + "/" + unique_name("report") + ".mjs";
  if (!std::filesystem::exists(installed + "/installed.json")) {
    throw std::runtime_error("Retraced's client is not installed; use tests/run");
  }
  std::filesystem::copy_file(source_folder() + "/tests/retraced_client/report.mjs", script);
  write_file(folder.path() + "/settings.json", settings.dump());
  const Output output =
      run_program({.arguments = {"/usr/bin/env", "node", script, folder.path() + "/settings.json",
                                 folder.path() + "/result.json"},
                   .environment = {{"NO_PROXY", "*"}, {"no_proxy", "*"}}});
  std::filesystem::remove(script);
  CAPTURE(output.errors);
  REQUIRE(output.exit_code == 0);
  return Json::parse(read_file(folder.path() + "/result.json"));
}

}  // namespace

TEST_CASE("Retraced's npm client: 1,000 random events, every hash accepted, all given back",
          "[racing]") {
  const Producer producer;
  const Json result = report_with_npm_client(client_settings(producer));
  std::map<std::string, Json> kept;
  for (const Json& entry : producer.entries()) kept.emplace(entry.at("id"), entry);
  REQUIRE(result.at("sent").size() == 1'000);
  REQUIRE(kept.size() == 1'000);
  for (const Json& sent : result.at("sent")) {
    const Json& entry = kept.at(sent.at("id"));
    Json received = entry.at("retraced");
    received.erase("hash");
    CAPTURE(entry.dump());
    REQUIRE(received == sent.at("event"));
  }
  REQUIRE(result.at("refusals") ==
          Json{{"token", "Unexpected HTTP response: 401 Unauthorized"},
               {"tokenOfMany", "Unexpected HTTP response: 401 Unauthorized"},
               {"batch", "Unexpected HTTP response: 400 Bad Request"},
               {"tooMany", "Unexpected HTTP response: 400 Bad Request"}});
}

TEST_CASE("audit_publish: what Retraced's Go client leaves unset counts as absent") {
  const Producer producer;
  // As its Event is marshalled: no member is left out.
  const Json event = {{"external_id", ""},
                      {"action", "user.login"},
                      {"group", {{"id", producer.tenant.at("slug")}, {"name", ""}}},
                      {"created", "0001-01-01T00:00:00Z"},
                      {"crud", ""},
                      {"target", nullptr},
                      {"description", ""},
                      {"source_ip", ""},
                      {"actor", {{"id", "ada"}, {"name", ""}, {"href", ""}, {"fields", nullptr}}},
                      {"fields", nullptr},
                      {"metadata", nullptr},
                      {"is_failure", false},
                      {"is_anonymous", false},
                      {"component", ""},
                      {"version", ""}};
  const Json receipt =
      receipt_of(producer.send({.method = "POST", .path = kPublish, .body = event.dump()}));
  const Json expected = {
      {"action", "user.login"},   {"group", {{"id", producer.tenant.at("slug")}}},
      {"actor", {{"id", "ada"}}}, {"is_failure", false},
      {"is_anonymous", false},    {"hash", receipt.at("hash")}};
  REQUIRE(producer.entries().at(0).at("retraced") == expected);
  // Its token is written in another way.
  REQUIRE(shared_guarded_service()
              .send_with({.method = "POST", .path = "/auditlog" + kPublish, .body = event.dump()},
                         "Token token=" + producer.key)
              .status == 201);
}

TEST_CASE("audit_publish: empty objects and maps come back as they were sent") {
  const Producer producer;
  const Json event = {{"action", "x"},
                      {"group", Json::object()},
                      {"actor", Json::object()},
                      {"target", Json::object()},
                      {"fields", Json::object()},
                      {"metadata", Json::object()}};
  Json expected = event;
  expected["hash"] = receipt_of(producer.post(kPublish, event)).at("hash");
  REQUIRE(producer.entries().at(0).at("retraced") == expected);
}

TEST_CASE("audit_publish: an event gets the tenant and the product of the key, and nothing else") {
  const Producer producer(Json{{"product", "certifai"}});
  for (const Json& event : {Json{{"action", "x"}, {"crud", "c"}}, Json{{"action", "x"}},
                            Json{{"action", "x"}, {"component", "certifai"}, {"version", "1"}}}) {
    CAPTURE(event.dump());
    Json expected = event;
    expected["hash"] = receipt_of(producer.post(kPublish, event)).at("hash");
    const Json entry = producer.entries().back();
    REQUIRE(entry.at("retraced") == expected);
    REQUIRE(entry.at("product") == "certifai");
    REQUIRE(entry.at("tenant_id") == producer.tenant.at("id"));
  }
  const Json foreign = {{"action", "x"}, {"component", "mapping"}};
  require_problem(producer.post(kPublish, foreign), 403, "forbidden");
  const HttpResponse refused =
      producer.post(kBulk, {{"events", {foreign, {{"action", "x"}}, foreign}}});
  REQUIRE(rejected_fields(refused, 403, "forbidden") == Fields{"component", "2 component"});
}

TEST_CASE("audit_publish: the path names a project by its id or slug, or none") {
  const Producer producer;
  const Uuid project = guarded_database().insert_project(id_of(producer.tenant), "website");
  const Uuid foreign = guarded_database().insert_project(id_of(make_guarded_tenant()), "other");
  const auto publish = [&](const std::string& name, const std::string& step = "") {
    const Json event = {{"action", "x"}};
    return producer.post("/publisher/v1/project/" + name + "/event" + step,
                         step.empty() ? event : Json{{"events", {event, event}}});
  };
  for (const std::string& name : {project.to_string(), std::string("website")}) {
    CAPTURE(name);
    receipt_of(publish(name));
    REQUIRE(producer.entries().back().at("project_id") == project.to_string());
  }
  receipt_of(publish("default"));
  REQUIRE(producer.entries().back().at("project_id").is_null());
  const std::size_t before = producer.entries().size();
  for (const std::string& name :
       {std::string("other"), foreign.to_string(), unique_uuid(), std::string("%C3%A4%20b")}) {
    CAPTURE(name);
    REQUIRE(rejected_fields(publish(name)) == Fields{"project_id"});
    REQUIRE(rejected_fields(publish(name, "/bulk")) == Fields{"project_id", "1 project_id"});
  }
  REQUIRE(producer.entries().size() == before);
}

TEST_CASE("audit_publish_bulk: a bad batch names every bad index and appends nothing") {
  const Producer producer;
  Json events = Json::array();
  Fields expected;
  for (int i = 0; i < 50; ++i) {
    events.push_back({{"action", "x"}});
    if (i % 3 != 0) continue;
    // Three mistakes each, so that there are more of them than an answer usually names.
    events.back() = {{"actor", {{"id", 1}}}, {"source_ip", "nowhere"}};
    for (const char* member : {"action", "actor.id", "source_ip"}) {
      expected.push_back((i == 0 ? "" : std::to_string(i) + " ") + member);
    }
  }
  Fields found = rejected_fields(producer.post(kBulk, {{"events", events}}));
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  REQUIRE(found == expected);

  events = Json::array();
  for (int i = 0; i < 50; ++i) {
    events.push_back({{"action", "x"}, {"group", {{"id", i % 2 == 0 ? unique_uuid() : "acme"}}}});
  }
  REQUIRE(rejected_fields(producer.post(kBulk, {{"events", events}})).size() == 50);

  // What is wrong in different ways is named together.
  events = {{{"crud", "c"}},
            {{"action", "x"}},
            {{"action", "x"}, {"group", {{"id", unique_uuid()}}}},
            {{"action", "x"}, {"group", {{"id", "acme"}}}}};
  found = rejected_fields(producer.post(kBulk, {{"events", events}}));
  REQUIRE(found == Fields{"action", "2 group.id", "3 group.id"});

  for (const Json& body :
       {Json{{"events", Json::array()}}, Json{{"events", Json(51, {{"action", "x"}})}},
        Json{{"events", {1}}}, Json{{"events", nullptr}}, Json{{"action", "x"}}, Json::array(),
        Json{{"events", Json::array({{{"action", "x"}}})}, {"other", 1}}}) {
    CAPTURE(body.dump());
    require_problem(producer.post(kBulk, body), 400, "invalid_request");
  }
  REQUIRE(producer.entries().empty());
}

TEST_CASE("audit_publish: an event is in Retraced's form, or it is refused") {
  const Producer producer;
  REQUIRE(rejected_fields(producer.post(kPublish, {{"action", "x"}, {"user_agent", "curl"}})) ==
          Fields{"user_agent"});
  for (const std::string& body : {std::string("[]"), std::string("{"), std::string(R"("x")")}) {
    require_problem(producer.send({.method = "POST", .path = kPublish, .body = body}), 400,
                    "invalid_request");
  }
  REQUIRE(producer.entries().empty());
}

TEST_CASE("Idempotency-Key: a replay gets the first answer, whichever operation it is") {
  const Producer producer;
  const std::map<std::string, Json> calls = {
      {"/v1/audit", Json::array({{{"action", "a"}}, {{"action", "b"}}})},
      {kPublish, {{"action", "x"}}},
      {kBulk, {{"events", {{{"action", "y"}}, {{"action", "z"}}}}}}};
  for (const auto& [path, body] : calls) {
    CAPTURE(path);
    const auto send = [&, path = path](const std::string& text, const std::string& key) {
      return producer.send(
          {.method = "POST", .path = path, .body = text, .headers = {"Idempotency-Key: " + key}});
    };
    const std::string key = unique_name("key");
    const Json first = receipt_of(send(body.dump(), key));
    const std::size_t count = producer.entries().size();
    REQUIRE(receipt_of(send(body.dump(), key)) == first);
    REQUIRE(producer.entries().size() == count);
    require_problem(send(body.dump() + " ", key), 422, "idempotency_key_reused");
    for (const std::string& bad : {std::string("a b"), std::string("é"), std::string(256, 'k')}) {
      REQUIRE(rejected_fields(send(body.dump(), bad)) == Fields{"Idempotency-Key"});
    }
    REQUIRE(producer.entries().size() == count);
    REQUIRE(receipt_of(send(body.dump(), key + std::string(255 - key.size(), '~'))) != first);
  }
}

TEST_CASE("Idempotency-Key: one caller's key is nobody else's") {
  const Producer one;
  const Producer other;
  const HttpRequest request{.method = "POST",
                            .path = kPublish,
                            .body = R"({"action":"x"})",
                            .headers = {"Idempotency-Key: shared"}};
  const Json receipt = receipt_of(one.send(request));
  REQUIRE(receipt_of(other.send(request)) != receipt);
  REQUIRE(one.entries().size() == 1);
  REQUIRE(other.entries().size() == 1);
}

}  // namespace registry::test
