#include "common/store/postgres/postgres_store.h"
#include "common/store/sqlite/schema.h"
#include "tests/integration/integration.h"

namespace registry::test {

TEST_CASE("tenant_get_by_slug: the seeded tenant is there") {
  HttpClient client = shared_service().client();
  const HttpResponse response = client.get("/v1/tenants/by-slug/acme");
  REQUIRE(response.status == 200);
  const Json acme = response.json();
  REQUIRE(acme.at("id") == "00000000-0000-0000-0000-000000000001");
  REQUIRE(acme.at("name") == "Acme Inc.");
  REQUIRE(acme.at("status") == "active");
  REQUIRE(acme.at("plan") == "professional");
  REQUIRE(acme.at("products") == Json{"certifai", "compliance"});
}

TEST_CASE("tenant_get: an id is found in either case") {
  HttpClient client = shared_service().client();
  std::string lower = unique_uuid();
  lower.replace(0, 8, "abcdefab");
  std::string upper = lower;
  upper.replace(0, 8, "ABCDEFAB");
  const Json tenant = make_tenant(client, {{"id", upper}});
  REQUIRE(tenant.at("id") == lower);
  REQUIRE(client.get("/v1/tenants/" + upper).json() == tenant);
}

TEST_CASE("tenant look-ups: what does not exist is 404") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(
      as<std::string>{}, "/v1/tenants/7c9e6679-7425-40de-944b-e07fc1f90ae7", "/v1/tenants/acme",
      "/v1/tenants/by-slug", "/v1/tenants/by-slug/nobody", "/v1/tenants/by-slug/NO%20SLUG",
      "/v1/tenants/by-slug/%00", "/v1/tenants/by-slug/a%2Fb");
  CAPTURE(path);
  const HttpResponse response = client.get(path);
  // nginx refuses %00 on its own, as a bad request.
  if (path.ends_with("%00")) {
    require_problem(response, 400, "invalid_request");
  } else {
    require_problem(response, 404, "not_found");
  }
}

TEST_CASE("entitlement_list: sorted, with active as of now and config passed through") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const Timestamp now = SystemClock().now();
  const Uuid id = id_of(tenant);
  insert_entitlement({.tenant_id = id, .product = "zeta", .enabled = false});
  insert_entitlement({.tenant_id = id, .product = "beta", .expires_at = add_days(now, -1)});
  insert_entitlement({.tenant_id = id,
                      .product = "alpha",
                      .config_json = R"({"seats":1e2,"nested":{"é":[]}})",
                      .expires_at = add_days(now, 1)});
  const HttpResponse response = client.get("/v1/entitlements?tenant_id=" + id_text(tenant));
  REQUIRE(response.status == 200);
  REQUIRE(response.json().at("tenant_id") == tenant.at("id"));
  const Json list = response.json().at("entitlements");
  REQUIRE(list.size() == 3);
  REQUIRE(list[0].at("product") == "alpha");
  REQUIRE(list[0].at("active") == true);
  REQUIRE(list[0].at("config") == Json::parse(R"({"seats":1e2,"nested":{"é":[]}})"));
  REQUIRE(list[1].at("product") == "beta");
  REQUIRE(list[1].at("enabled") == true);
  REQUIRE(list[1].at("active") == false);
  REQUIRE(list[2].at("product") == "zeta");
  REQUIRE(list[2].at("active") == false);
  REQUIRE(client.get("/v1/tenants/" + id_text(tenant)).json().at("products") == Json{"alpha"});

  SECTION("and product= narrows it to one or none") {
    const std::string path = "/v1/entitlements?tenant_id=" + id_text(tenant) + "&product=";
    REQUIRE(client.get(path + "beta").json().at("entitlements") == Json::array({list[1]}));
    REQUIRE(client.get(path + "gamma").json().at("entitlements") == Json::array());
  }
  SECTION("and nothing is active for an archived tenant") {
    set_status(id, TenantStatus::kArchived);
    const Json archived = client.get("/v1/entitlements?tenant_id=" + id_text(tenant)).json();
    for (const Json& entitlement : archived.at("entitlements")) {
      REQUIRE(entitlement.at("active") == false);
    }
  }
}

TEST_CASE("entitlement_list: an unknown tenant is 404") {
  HttpClient client = shared_service().client();
  require_problem(client.get("/v1/entitlements?tenant_id=7c9e6679-7425-40de-944b-e07fc1f90ae7"),
                  404, "not_found");
}

TEST_CASE("entitlement_list: each bad parameter is 400 and named") {
  HttpClient client = shared_service().client();
  const std::string acme = "tenant_id=00000000-0000-0000-0000-000000000001";
  const auto [query, fields] = GENERATE_COPY(table<std::string, std::vector<std::string>>({
      {"", {"tenant_id"}},
      {"?", {"tenant_id"}},
      {"?tenant_id=", {"tenant_id"}},
      {"?tenant_id=acme", {"tenant_id"}},
      {"?" + acme + "&" + acme, {"tenant_id"}},
      {"?" + acme + "&product=", {"product"}},
      {"?" + acme + "&product=Not%20It", {"product"}},
      {"?" + acme + "&limit=1", {"limit"}},
      {"?" + acme + "&Product=x", {"Product"}},
      {"?product=%ff&limit=1&tenant_id=x", {"product", "limit", "tenant_id"}},
  }));
  CAPTURE(query);
  REQUIRE(rejected_fields(client.get("/v1/entitlements" + query)) == fields);
}

TEST_CASE("queries: an operation without parameters refuses any") {
  HttpClient client = shared_service().client();
  const std::string path =
      GENERATE(as<std::string>{}, "/healthz", "/readyz", "/v1/tenants/by-slug/acme");
  REQUIRE(rejected_fields(client.get(path + "?x=1")) == std::vector<std::string>{"x"});
}

TEST_CASE("catalog_list: the built-in catalog, with a strong ETag that gives 304") {
  HttpClient client = shared_service().client();
  const HttpResponse response = client.get("/v1/catalog");
  REQUIRE(response.status == 200);
  REQUIRE(response.json() == Json::parse(read_file(source_folder() + "/deploy/catalog.json")));
  const std::string tag = response.header("etag").value();
  REQUIRE(tag.starts_with('"'));

  const std::string matching =
      GENERATE_COPY(values<std::string>({tag, "W/" + tag, "\"other\", " + tag, "*"}));
  const HttpResponse unchanged =
      client.send({.path = "/v1/catalog", .headers = {"If-None-Match: " + matching}});
  REQUIRE(unchanged.status == 304);
  REQUIRE(unchanged.body.empty());
  REQUIRE(unchanged.header("etag") == tag);

  const std::string other = GENERATE(as<std::string>{}, "\"other\"", "other", "\"");
  REQUIRE(client.send({.path = "/v1/catalog", .headers = {"If-None-Match: " + other}}).status ==
          200);
}

TEST_CASE("catalog_list: CATALOG_FILE replaces the built-in catalog") {
  const TempFolder folder;
  const std::string file = folder.path() + "/catalog.json";
  const Json catalog = {{"products",
                         {{{"id", "only"},
                           {"name", "Only"},
                           {"description", "The one."},
                           {"plans", Json::array()},
                           {"trial_days", 0},
                           {"supports_projects", false}}}}};
  write_file(file, catalog.dump());
  const Output output = run_program(
      {.arguments = {build_folder() + "/functions/catalog_list"},
       .environment = {
           {"CATALOG_FILE", file}, {"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/v1/catalog"}}});
  REQUIRE(output.exit_code == 0);
  REQUIRE(Json::parse(output.output.substr(output.output.find("\r\n\r\n"))) == catalog);
}

TEST_CASE("health: live without a store, ready with its kind and schema") {
  HttpClient client = shared_service().client();
  REQUIRE(client.get("/healthz").json() == Json{{"status", "ok"}});
  REQUIRE(client.get("/readyz").json() ==
          Json{{"status", "ready"},
               {"store", is_on_postgres() ? "postgres" : "sqlite"},
               {"schema_version",
                is_on_postgres() ? postgres::kNeededSchemaVersion : sqlite::kSchemaVersion}});
}

}  // namespace registry::test
