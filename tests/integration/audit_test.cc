#include <algorithm>

#include "common/crypto/audit_hash.h"
#include "tests/integration/integration.h"

namespace registry::test {
namespace {

constexpr const char* kAudit = "/v1/audit";

// Appends one event and gives its receipt.
Json append(HttpClient& client, const Json& event) {
  const HttpResponse response = client.post(kAudit, event);
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

Json page(HttpClient& client, const std::string& query) {
  const HttpResponse response = client.get(kAudit + query);
  CAPTURE(response.body);
  REQUIRE(response.status == 200);
  return response.json();
}

// Appends an event with metadata that is sent as it is written.
HttpResponse append_with(HttpClient& client, const Json& tenant, const std::string& metadata) {
  return client.send({.method = "POST",
                      .path = kAudit,
                      .body = R"({"action":"x","tenant_id":)" + tenant.at("id").dump() +
                              R"(,"metadata":)" + metadata + "}"});
}

std::string of_tenant(const Json& tenant) {
  return "?tenant_id=" + tenant.at("id").get<std::string>();
}

// The newest entry of a tenant.
Json newest(HttpClient& client, const Json& tenant) {
  const Json found = page(client, of_tenant(tenant) + "&order=desc&limit=1");
  return found.at("events").at(0);
}

std::vector<std::string> ids_of(const Json& found) {
  std::vector<std::string> ids;
  for (const Json& event : found.at("events")) ids.push_back(event.at("id"));
  return ids;
}

std::vector<std::string> rejected(HttpClient& client, const Json& body) {
  const RowCounts before = shared_database().row_counts();
  auto fields = rejected_fields(client.post(kAudit, body));
  REQUIRE(shared_database().row_counts() == before);
  return fields;
}

}  // namespace

TEST_CASE("audit_append: an event in our own form is kept with every column") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string project =
      shared_database().insert_project(id_of(tenant), "website").to_string();
  const Json event = {{"tenant_id", tenant.at("id")},
                      {"project_id", project},
                      {"actor_id", "jane"},
                      {"actor_name", "Jane \"J\" Doe"},
                      {"actor_type", "user"},
                      {"action", "Report: Downloaded"},
                      {"target_id", "r-1"},
                      {"target_type", "report"},
                      {"target_name", "Jahresübersicht 📈"},
                      {"product", "Some Other System"},
                      {"metadata", {{"pages", 12}, {"nested", {{"a", Json::array()}}}}},
                      {"source_ip", "2001:DB8:0::1"},
                      {"user_agent", "curl/8"}};
  const Json receipt = append(client, event);
  Json expected = event;
  expected["id"] = receipt.at("id");
  expected["source_ip"] = "2001:db8::1";
  Json kept = newest(client, tenant);
  const auto created_at = Timestamp::parse(kept.at("created_at").get<std::string>());
  REQUIRE(created_at);
  kept.erase("created_at");
  REQUIRE(kept == expected);

  const std::string tenant_id = tenant.at("id");
  REQUIRE(receipt.at("hash") ==
          crypto::audit_hash(receipt.at("id").get<std::string>(),
                             crypto::audit_hash_tail({.action = "Report: Downloaded",
                                                      .target_id = "r-1",
                                                      .actor_id = "jane",
                                                      .group_id = tenant_id,
                                                      .source_ip = "2001:DB8:0::1"})));
}

TEST_CASE("audit_append: an action is all that an event needs") {
  HttpClient client = shared_service().client();
  const Json receipt = append(client, {{"action", "x"}, {"actor_id", unique_name("actor")}});
  REQUIRE(receipt.at("id").is_string());
  REQUIRE(receipt.at("hash").get<std::string>().size() == 64);
  REQUIRE(receipt.size() == 2);
}

TEST_CASE("audit_append: an event in Retraced's form comes back as it was received") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json event = {
      {"action", "user.login"},
      {"crud", "c"},
      {"group", {{"id", tenant.at("slug")}, {"name", "The group"}}},
      {"actor",
       {{"id", "a%1"},
        {"name", "Ada"},
        {"href", "https://example.com/a?b=c"},
        {"fields", {{"type", "robot"}, {"b=", "1;2:3%"}}}}},
      {"target",
       {{"id", "t1"}, {"name", "T"}, {"type", "thing"}, {"href", "x"}, {"fields", Json::object()}}},
      {"created", "2026-05-19T12:10:15.5+02:00"},
      {"source_ip", "::FFFF:192.0.2.1"},
      {"description", "signed in"},
      {"is_failure", true},
      {"is_anonymous", false},
      {"fields", {{"b=", "1;2:3%"}, {"a", "é"}}},
      {"component", "certifai"},
      {"version", "v1.2"},
      {"external_id", "ext:1"},
      {"metadata", {{"m", "n"}, {"l", "o"}}}};
  const Json receipt = append(client, event);
  const Json kept = newest(client, tenant);
  Json retraced = event;
  retraced["hash"] = receipt.at("hash");
  REQUIRE(kept.at("retraced") == retraced);
  REQUIRE(kept.at("tenant_id") == tenant.at("id"));
  REQUIRE(kept.at("actor_id") == "a%1");
  REQUIRE(kept.at("actor_type") == "robot");
  REQUIRE(kept.at("target_type") == "thing");
  REQUIRE(kept.at("product") == "certifai");
  REQUIRE(kept.at("metadata") == event.at("metadata"));
  REQUIRE(kept.at("source_ip") == "::ffff:192.0.2.1");
}

TEST_CASE("audit_append: the hash of an event in Retraced's form is what its clients expect") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json event = {{"action", "a:b"},
                      {"group", {{"id", tenant.at("slug")}}},
                      {"fields", {{"k", "v"}}},
                      {"metadata", Json::object()}};
  const Json receipt = append(client, event);
  const std::string slug = tenant.at("slug");
  const std::string tail = "a%3Ab:::" + slug + "::0:0:k=v;:";
  REQUIRE(receipt.at("hash") == crypto::audit_hash(receipt.at("id").get<std::string>(), tail));
}

TEST_CASE("audit_append: a group is a tenant by its id or slug") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string member = GENERATE(as<std::string>{}, "id", "slug");
  append(client, {{"action", "x"}, {"group", {{"id", tenant.at(member)}}}});
  REQUIRE(newest(client, tenant).at("retraced").at("group").at("id") == tenant.at(member));
}

TEST_CASE("audit_append: what a Go client sends for unset members counts as unset") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  append(client, {{"action", "x"},
                  {"crud", ""},
                  {"group", {{"id", tenant.at("id")}, {"name", ""}}},
                  {"created", "0001-01-01T00:00:00Z"},
                  {"external_id", ""},
                  {"source_ip", ""},
                  {"is_failure", false}});
  Json retraced = newest(client, tenant).at("retraced");
  retraced.erase("hash");
  REQUIRE(retraced ==
          Json{{"action", "x"}, {"group", {{"id", tenant.at("id")}}}, {"is_failure", false}});
}

TEST_CASE("audit_append: an anonymous event has the actor type anonymous") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  append(client, {{"action", "x"}, {"group", {{"id", tenant.at("id")}}}, {"is_anonymous", true}});
  REQUIRE(newest(client, tenant).at("actor_type") == "anonymous");
}

TEST_CASE("audit_append: an array is answered in its order, also one of a single event") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json one = append(client, Json::array({{{"action", "x"}}}));
  REQUIRE(one.size() == 1);
  Json events = Json::array();
  for (int i = 0; i < 1000; ++i) {
    const std::string action = "step." + std::to_string(i);
    if (i % 2 == 0) {
      events.push_back({{"action", action}, {"tenant_id", tenant.at("id")}});
    } else {
      events.push_back({{"action", action}, {"group", {{"id", tenant.at("slug")}}}});
    }
  }
  const Json receipts = append(client, events);
  REQUIRE(receipts.size() == 1000);
  const Json found = page(client, of_tenant(tenant) + "&limit=500&order=desc");
  for (std::size_t i = 0; i < 500; ++i) {
    REQUIRE(found.at("events")[i].at("action") == "step." + std::to_string(999 - i));
    REQUIRE(found.at("events")[i].at("id") == receipts[999 - i].at("id"));
  }
}

TEST_CASE("audit_append: each bad member of our own form is 400 and named") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Json other = make_tenant(client);
  const std::string foreign = shared_database().insert_project(id_of(other), "website").to_string();
  Json deep = "x";
  for (int i = 0; i < 33; ++i) deep = Json{{"d", deep}};
  const auto [member, value] = GENERATE_REF(table<std::string, Json>({
      {"action", nullptr},
      {"action", ""},
      {"action", std::string(256, 'a')},
      {"action", 7},
      {"tenant_id", "x"},
      {"tenant_id", kNobody},
      {"project_id", kNobody},
      {"project_id", foreign},
      {"actor_id", ""},
      {"actor_name", std::string(256, 'a')},
      {"actor_type", 1},
      {"target_id", Json::array()},
      {"target_type", ""},
      {"target_name", true},
      {"product", std::string(256, 'p')},
      {"metadata", "x"},
      {"metadata", Json::array()},
      {"metadata", {{"_retraced", "x"}}},
      {"metadata", {{"big", std::string(65'536, 'b')}}},
      {"metadata", deep},
      {"source_ip", "192.0.2.0/24"},
      {"source_ip", "localhost"},
      {"source_ip", "fe80::1%eth0"},
      {"user_agent", ""},
      {"created_at", "2026-01-01T00:00:00Z"},
      {"id", "1"},
  }));
  CAPTURE(member);
  Json event = {{"action", "x"}, {"tenant_id", tenant.at("id")}};
  event[member] = value;
  REQUIRE(rejected(client, event) == Fields{member});
}

TEST_CASE("audit_append: a project without its tenant is 400") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string project =
      shared_database().insert_project(id_of(tenant), "website").to_string();
  REQUIRE(rejected(client, {{"action", "x"}, {"project_id", project}}) == Fields{"project_id"});
}

TEST_CASE("audit_append: each bad member of Retraced's form is 400 and named") {
  HttpClient client = shared_service().client();
  const auto [event, field] = GENERATE(table<Json, std::string>({
      {{{"crud", "c"}}, "action"},
      {{{"action", "x"}, {"crud", 1}}, "crud"},
      {{{"action", "x"}, {"group", "acme"}}, "group"},
      {{{"action", "x"}, {"group", {{"id", kNobody}}}}, "group.id"},
      {{{"action", "x"}, {"group", {{"id", "no-such-slug"}}}}, "group.id"},
      {{{"action", "x"}, {"group", {{"id", "No Slug"}}}}, "group.id"},
      {{{"action", "x"}, {"group", {{"slug", "acme"}}}}, "group.slug"},
      {{{"action", "x"}, {"actor", {{"name", 1}}}}, "actor.name"},
      {{{"action", "x"}, {"actor", {{"fields", {{"a", 1}}}}}}, "actor.fields"},
      {{{"action", "x"}, {"target", {{"type", std::string(256, 't')}}}}, "target.type"},
      {{{"action", "x"}, {"target", {{"href", std::string(4097, 't')}}}}, "target.href"},
      {{{"action", "x"}, {"created", "yesterday"}}, "created"},
      {{{"action", "x"}, {"crud", "c"}, {"source_ip", "10.0.0.0/8"}}, "source_ip"},
      {{{"action", "x"}, {"description", std::string(4097, 'd')}}, "description"},
      {{{"action", "x"}, {"is_failure", "yes"}}, "is_failure"},
      {{{"action", "x"}, {"is_anonymous", 0}}, "is_anonymous"},
      {{{"action", "x"}, {"fields", Json::array()}}, "fields"},
      {{{"action", "x"}, {"component", std::string(256, 'c')}}, "component"},
      {{{"action", "x"}, {"version", 1}}, "version"},
      {{{"action", "x"}, {"external_id", std::string(256, 'e')}}, "external_id"},
      {{{"action", "x"}, {"crud", "c"}, {"metadata", {{"a", {{"b", "c"}}}}}}, "metadata"},
      {{{"action", "x"}, {"crud", "c"}, {"metadata", {{"_retraced", "c"}}}}, "metadata"},
      {{{"action", "x"}, {"crud", "c"}, {"tenant_id", kNobody}}, "tenant_id"},
  }));
  CAPTURE(event, field);
  REQUIRE(rejected(client, event) == Fields{field});
}

TEST_CASE("audit_append: one bad event of many refuses all, and every bad one is named") {
  HttpClient client = shared_service().client();
  const Json good = {{"action", "x"}};
  REQUIRE(rejected(client, {good, {{"action", ""}}, good, {{"crud", 1}, {"action", "x"}}, 7}) ==
          Fields{"[1].action", "[3].crud", "[4]"});
  REQUIRE(rejected(client, {{{"action", "x"}, {"group", {{"id", "no-such-slug"}}}},
                            good,
                            {{"action", "x"}, {"tenant_id", kNobody}},
                            {{"action", "x"}, {"tenant_id", kNobody}, {"project_id", kNobody}}}) ==
          Fields{"[0].group.id", "[2].tenant_id", "[3].tenant_id", "[3].project_id"});
}

TEST_CASE("audit_append: an array has 1 to 1,000 events; a body is an event or an array") {
  HttpClient client = shared_service().client();
  require_problem(client.post(kAudit, Json::array()), 400, "invalid_request");
  require_problem(client.post(kAudit, Json(1001, Json{{"action", "x"}})), 400, "invalid_request");
  for (const char* body : {"", "7", "\"x\"", "null", "[", "{\"action\":\"x\",\"action\":\"y\"}",
                           "{\"action\":\"\\u0000\"}", "{\"action\":\"\\ud800\"}"}) {
    require_problem(client.send({.method = "POST", .path = kAudit, .body = body}), 400,
                    "invalid_request");
  }
}

TEST_CASE("audit_append: a body of 10 MiB is read, a larger one is 413") {
  HttpClient client = shared_service().client();
  constexpr std::size_t kLimit = std::size_t{10} * 1024 * 1024;
  std::string body = Json::array({{{"action", "big"}}}).dump();
  body.insert(1, kLimit - body.size(), ' ');
  REQUIRE(client.send({.method = "POST", .path = kAudit, .body = body}).status == 201);
  body.insert(1, " ");
  require_problem(client.send({.method = "POST", .path = kAudit, .body = body}), 413, "too_large");
}

TEST_CASE("audit_append: any JSON object is kept as metadata, but for numbers beyond reason") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string metadata = GENERATE(
      as<std::string>{}, R"({"n":1e308})", R"({"n":-1.7976931348623157e308})", R"({"n":1e-400})",
      R"({"n":1e-1000})", R"({"n":-0.0})", R"({"n":123456789012345678901234567890})",
      R"({"n":0.)" + std::string(1022, '7') + "}", R"({"":"","\u00e9":"\ud83d\ude00"})",
      R"({"t":"\u0001\u001f\\\/"})");
  CAPTURE(metadata);
  const HttpResponse response = append_with(client, tenant, metadata);
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  REQUIRE(newest(client, tenant).at("metadata") == Json::parse(metadata));
}

TEST_CASE("audit_append: a number that a store cannot keep is 400 over any store") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string number = GENERATE(
      as<std::string>{}, "1e309", "1e400", "1e-1001", "1e-99999", "1e-2147483648", "1e99999",
      "0e99999", "1e-99999999999999999999", "0." + std::string(1023, '7'), std::string(1025, '1'));
  CAPTURE(number);
  require_problem(append_with(client, tenant, "{\"n\":" + number + "}"), 400, "invalid_request");
}

TEST_CASE("audit_list: each filter, and all of them together") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const std::string actor = unique_name("actor");
  const std::string product = unique_name("product");
  const std::string action = unique_name("action");
  const auto event = [&](const char* actor_of, const char* product_of, const char* action_of) {
    return Json{{"tenant_id", tenant.at("id")},
                {"actor_id", actor + actor_of},
                {"product", product + product_of},
                {"action", action + action_of}};
  };
  const Json receipts = append(client, {event("1", "1", "1"), event("1", "2", "1"),
                                        event("2", "1", "2"), event("1", "1", "2")});
  const auto expect = [&](const std::string& query, const std::vector<std::size_t>& indexes) {
    CAPTURE(query);
    std::vector<std::string> ids;
    for (const std::size_t index : indexes) ids.push_back(receipts.at(index).at("id"));
    REQUIRE(ids_of(page(client, query)) == ids);
  };
  expect("?actor_id=" + actor + "1", {0, 1, 3});
  expect("?product=" + product + "1", {0, 2, 3});
  expect("?action=" + action + "2", {2, 3});
  expect("?actor_id=" + actor + "1&product=" + product + "1", {0, 3});
  expect(of_tenant(tenant) + "&action=" + action + "1", {0, 1});
  expect(of_tenant(tenant) + "&actor_id=" + actor + "1&product=" + product + "1&action=" + action +
             "2&since=2020-01-01T00:00:00Z&until=9999-12-31T23:59:59Z"
             "&limit=500&cursor=0&order=asc",
         {3});
  expect("?actor_id=" + actor + "3", {});
  REQUIRE(page(client, of_tenant(tenant)).at("events").size() == 5);
  REQUIRE(page(client, std::string("?tenant_id=") + kNobody) ==
          Json{{"events", Json::array()}, {"next_cursor", nullptr}});
}

TEST_CASE("audit_list: since is inclusive, until exclusive, in any offset") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  append(client, {{"action", "x"}, {"tenant_id", tenant.at("id")}});
  const Json event = newest(client, tenant);
  const std::string id = event.at("id");
  const auto moment = Timestamp::parse(event.at("created_at").get<std::string>()).value();
  const std::string exact = moment.to_string();
  const std::string next = Timestamp{moment.unix_us + 1}.to_string();
  const auto found = [&](const std::string& more) {
    return ids_of(page(client, of_tenant(tenant) + "&action=x" + more));
  };
  const std::vector<std::string> it = {id};
  REQUIRE(found("&since=" + exact) == it);
  REQUIRE(found("&since=" + next).empty());
  REQUIRE(found("&until=" + exact).empty());
  REQUIRE(found("&until=" + next) == it);
  const Timestamp elsewhere{moment.unix_us + std::int64_t{2} * 3600 * 1'000'000};
  std::string offset = elsewhere.to_string();
  offset.replace(offset.size() - 1, 1, "%2B02:00");
  REQUIRE(found("&since=" + offset) == it);
  REQUIRE(found("&until=" + offset).empty());
}

TEST_CASE("audit_list: pages of any size give each event once, in either order") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  Json events = Json::array();
  for (int i = 0; i < 6; ++i) {
    events.push_back({{"action", "x"}, {"tenant_id", tenant.at("id")}});
  }
  std::vector<std::string> expected;
  for (const Json& receipt : append(client, events)) expected.push_back(receipt.at("id"));
  const bool is_descending = GENERATE(false, true);
  if (is_descending) std::reverse(expected.begin(), expected.end());
  const int limit = GENERATE(1, 2, 3, 5, 6, 7);
  CAPTURE(is_descending, limit);
  std::vector<std::string> walked;
  std::string cursor;
  for (int pages = 0; pages < 8; ++pages) {
    const Json found = page(client, of_tenant(tenant) + "&action=x&limit=" + std::to_string(limit) +
                                        (is_descending ? "&order=desc" : "") + cursor);
    for (const std::string& id : ids_of(found)) walked.push_back(id);
    if (found.at("next_cursor").is_null()) break;
    REQUIRE(found.at("next_cursor").is_number_integer());
    cursor = "&cursor=" + found.at("next_cursor").dump();
  }
  REQUIRE(walked == expected);
}

TEST_CASE("audit_list: a hundred events unless told, five hundred at most") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  append(client, Json(501, Json{{"action", "x"}, {"tenant_id", tenant.at("id")}}));
  REQUIRE(page(client, of_tenant(tenant)).at("events").size() == 100);
  REQUIRE(page(client, of_tenant(tenant) + "&limit=500").at("events").size() == 500);
}

TEST_CASE("audit_list: each bad parameter is 400 and named") {
  HttpClient client = shared_service().client();
  const auto [query, field] = GENERATE(table<std::string, std::string>({
      {"?tenant_id=x", "tenant_id"},
      {"?product=" + std::string(256, 'p'), "product"},
      {"?actor_id=", "actor_id"},
      {"?action=" + std::string(256, 'a'), "action"},
      {"?since=2026-01-01", "since"},
      {"?until=never", "until"},
      {"?limit=0", "limit"},
      {"?limit=501", "limit"},
      {"?limit=1.5", "limit"},
      {"?limit=+1", "limit"},
      {"?cursor=-1", "cursor"},
      {"?cursor=9223372036854775808", "cursor"},
      {"?cursor=x", "cursor"},
      {"?order=up", "order"},
      {"?offset=1", "offset"},
      {"?limit=1&limit=2", "limit"},
  }));
  CAPTURE(query);
  REQUIRE(rejected_fields(client.get(kAudit + query)) == Fields{field});
}

TEST_CASE("audit_list: the trail shows the service's own changes") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant_in(client, TenantStatus::kFrozen);
  const Json found = page(client, of_tenant(tenant));
  REQUIRE(found.at("events").size() == 2);
  const Json& cancelled = found.at("events")[1];
  REQUIRE(cancelled.at("action") == "tenant.cancel");
  REQUIRE(cancelled.at("actor_id") == "system");
  REQUIRE(cancelled.at("metadata").at("to") == "frozen");
  REQUIRE(cancelled.at("source_ip") == "127.0.0.1");
  REQUIRE_FALSE(cancelled.contains("retraced"));
  REQUIRE(found.at("next_cursor").is_null());
}

}  // namespace registry::test
