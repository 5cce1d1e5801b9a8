#include <stdexcept>

#include "tests/migrate/catalog.h"
#include "tests/migrate/fixture.h"

// What the migrations of this build leave behind. Without a file in its folder, Migrate runs those.
namespace registry::test {
namespace {

// The SQLSTATE of a statement; "00000" when it is fine.
std::string state_of(Database& database, const std::string& statement) {
  database.sql(
      "CREATE OR REPLACE FUNCTION pg_temp.state_of(statement text) RETURNS text"
      " LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN '00000';"
      " EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$");
  return database.sql("SELECT pg_temp.state_of($state$" + statement + "$state$)");
}

std::string insert_tenant(const std::string& slug) {
  return "INSERT INTO tenants (slug, name) VALUES ('" + slug + "', 'Name')";
}

constexpr const char* kFillEveryTable = R"(
INSERT INTO tenants (id, slug, name)
  VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme');
INSERT INTO tenant_projects (id, tenant_id, name, slug)
  SELECT '00000000-0000-4000-8000-000000000002', id, 'Main', 'main' FROM tenants;
INSERT INTO tenant_products (tenant_id, product) SELECT id, 'chat' FROM tenants;
INSERT INTO tenant_idp_config (tenant_id, type) SELECT id, 'oidc' FROM tenants;
INSERT INTO api_keys (tenant_id, name, hash, prefix) SELECT id, 'key', 'h', 'p' FROM tenants;
INSERT INTO audit_log (tenant_id, project_id, action, source_ip)
  SELECT tenant_id, id, 'tenant.create', '192.0.2.1' FROM tenant_projects;
)";

constexpr const char* kCountOwned =
    "SELECT (SELECT count(*) FROM tenant_projects), (SELECT count(*) FROM tenant_products),"
    " (SELECT count(*) FROM tenant_idp_config), (SELECT count(*) FROM api_keys)";

}  // namespace

TEST_CASE_METHOD(Migrate, "schema: up makes exactly what the specification lists") {
  REQUIRE(run({"up"}) == exits(0));
  CHECK(catalog_of(database().session()) == expected_catalog());
}

TEST_CASE_METHOD(Migrate, "schema: up makes no table of the migrator's but two") {
  REQUIRE(run({"up"}) == exits(0));
  CHECK(sql("SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables"
            " WHERE tablename LIKE 'schema\\_migrations%'") ==
        "schema_migrations schema_migrations_history");
}

TEST_CASE_METHOD(Migrate, "schema: down to nothing leaves empty version tables and nothing else") {
  const std::string empty = catalog_of(database().session());
  REQUIRE(run({"up"}) == exits(0));
  REQUIRE(run({"down", "-all"}) == exits(0));
  CHECK(catalog_of(database().session()) == empty);
  CHECK(tables().empty());
  CHECK(version() == "empty");
  CHECK(database().history().empty());
}

TEST_CASE_METHOD(Migrate, "schema: up after a way down gives the same dump") {
  REQUIRE(run({"up"}) == exits(0));
  const std::string first = shared_cluster().schema_dump(database().name());
  CHECK(first == containing("public.tenants"));
  REQUIRE(run({"down", "-all"}) == exits(0));
  CHECK_FALSE(shared_cluster().schema_dump(database().name()) == containing("tenants"));
  REQUIRE(run({"up"}) == exits(0));
  CHECK(shared_cluster().schema_dump(database().name()) == first);
}

TEST_CASE_METHOD(Migrate, "schema: schema_migrations has the columns of golang-migrate, no more") {
  REQUIRE(run({"up"}) == exits(0));
  CHECK(sql("SELECT attname, format_type(atttypid, atttypmod), attnotnull, atthasdef"
            " FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass AND attnum > 0"
            " ORDER BY attnum") == "version|bigint|t|f\ndirty|boolean|t|f");
  CHECK(sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'schema_migrations'::regclass AND contype <> 'n'") ==
        "PRIMARY KEY (version)");
}

TEST_CASE_METHOD(Migrate, "schema: a tenant takes what it owns with it and leaves its audit rows") {
  REQUIRE(run({"up"}) == exits(0));
  sql(kFillEveryTable);
  REQUIRE(sql(kCountOwned) == "1|1|1|1");
  sql("DELETE FROM tenants");
  CHECK(sql(kCountOwned) == "0|0|0|0");
  CHECK(sql("SELECT tenant_id IS NULL, project_id IS NULL, action FROM audit_log") ==
        "t|t|tenant.create");
}

TEST_CASE_METHOD(Migrate, "schema: a project that goes leaves its audit rows") {
  REQUIRE(run({"up"}) == exits(0));
  sql(kFillEveryTable);
  sql("DELETE FROM tenant_projects");
  CHECK(sql("SELECT tenant_id IS NULL, project_id IS NULL FROM audit_log") == "f|t");
}

TEST_CASE_METHOD(Migrate, "schema: defaults are those of the specification") {
  REQUIRE(run({"up"}) == exits(0));
  sql(kFillEveryTable);
  CHECK(sql("SELECT status, kind, plan, erp_customer_id IS NULL, created_at = updated_at"
            " FROM tenants") == "trial|customer|starter|t|t");
  CHECK(sql("SELECT p.status, q.enabled, q.config, i.metadata, i.verified, k.scopes, a.metadata"
            " FROM tenant_projects p, tenant_products q, tenant_idp_config i, api_keys k,"
            " audit_log a") == "active|t|{}|{}|f|{}|{}");
}

TEST_CASE_METHOD(Migrate, "schema: every update of a row moves updated_at") {
  REQUIRE(run({"up"}) == exits(0));
  sql(kFillEveryTable);
  for (const std::string table :
       {"tenants", "tenant_projects", "tenant_products", "tenant_idp_config"}) {
    CAPTURE(table);
    sql("UPDATE " + table + " SET created_at = created_at, updated_at = '2000-01-01'");
    CHECK(sql("SELECT updated_at > created_at FROM " + table) == "t");
  }
}

TEST_CASE_METHOD(Migrate, "schema: a tenant's slug keeps the rule") {
  REQUIRE(run({"up"}) == exits(0));
  for (const std::string& slug : {std::string("abc"), std::string("0-9"), std::string(40, 'a')}) {
    CAPTURE(slug);
    CHECK(state_of(database(), insert_tenant(slug)) == "00000");
  }
  for (const std::string& slug :
       {std::string(), std::string("a"), std::string("ab"), std::string(41, 'a'),
        std::string("-abc"), std::string("abc-"), std::string("Abc"), std::string("ab_c"),
        std::string("abc\n"), std::string("äbc")}) {
    CAPTURE(slug);
    CHECK(state_of(database(), insert_tenant(slug)) == "23514");
  }
}

TEST_CASE_METHOD(Migrate, "schema: a project's slug keeps the rule, two characters and up") {
  REQUIRE(run({"up"}) == exits(0));
  sql(insert_tenant("acme"));
  const auto insert = [&](const std::string& slug) {
    return state_of(database(),
                    "INSERT INTO tenant_projects (tenant_id, name, slug) SELECT id, 'Name', '" +
                        slug + "' FROM tenants");
  };
  CHECK(insert("ab") == "00000");
  CHECK(insert(std::string(40, 'a')) == "00000");
  for (const std::string& slug : {std::string("a"), std::string(41, 'a'), std::string("-ab"),
                                  std::string("ab-"), std::string("Ab"), std::string("a_b")}) {
    CAPTURE(slug);
    CHECK(insert(slug) == "23514");
  }
}

TEST_CASE_METHOD(Migrate, "schema: what is unique is refused twice") {
  REQUIRE(run({"up"}) == exits(0));
  sql(kFillEveryTable);
  sql("UPDATE tenants SET erp_customer_id = 'E1', stripe_cust_id = 'S1'");
  for (const char* statement : {
           "INSERT INTO tenants (slug, name) VALUES ('acme', 'x')",
           "INSERT INTO tenants (slug, name, erp_customer_id) VALUES ('other', 'x', 'E1')",
           "INSERT INTO tenants (slug, name, stripe_cust_id) VALUES ('other', 'x', 'S1')",
           "INSERT INTO tenant_projects (tenant_id, name, slug) SELECT id, 'x', 'main' FROM "
           "tenants",
           "INSERT INTO tenant_products (tenant_id, product) SELECT id, 'chat' FROM tenants",
           "INSERT INTO tenant_idp_config (tenant_id, type) SELECT id, 'oidc' FROM tenants",
           "INSERT INTO api_keys (tenant_id, name, hash, prefix)"
           " SELECT id, 'key', 'x', 'x' FROM tenants",
       }) {
    CAPTURE(statement);
    CHECK(state_of(database(), statement) == "23505");
  }
}

TEST_CASE_METHOD(Migrate,
                 "schema: product requests come to rows that are there without a rewrite") {
  REQUIRE(run({"goto", "1"}) == exits(0));
  sql(kFillEveryTable);
  const std::string before = catalog_of(database().session());
  const char* const place =
      "SELECT pg_relation_filenode('tenant_products'), xmin FROM tenant_products";
  const std::string where = sql(place);

  REQUIRE(run({"goto", "2"}) == exits(0));
  CHECK(sql(place) == where);
  CHECK(
      sql("SELECT requested_at IS NULL, trial_started_at IS NULL, enabled, updated_at = created_at"
          " FROM tenant_products") == "t|t|t|t");

  sql("UPDATE tenant_products SET requested_at = now(), trial_started_at = now()");
  REQUIRE(run({"goto", "1"}) == exits(0));
  CHECK(catalog_of(database().session()) == before);
  CHECK(sql("SELECT product, enabled FROM tenant_products") == "chat|t");
}

TEST_CASE_METHOD(Migrate, "schema: the whole of it fits another schema than public") {
  sql("CREATE SCHEMA tenancy");
  REQUIRE(run_with("&options=-csearch_path%3Dtenancy", {"up"}) == exits(0));
  CHECK(sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'tenancy'") == "9");
  CHECK(sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0");
  CHECK(version() == "absent");
  REQUIRE(run_with("&options=-csearch_path%3Dtenancy", {"down", "-all"}) == exits(0));
  CHECK(sql("SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
            " WHERE n.nspname = 'tenancy' AND t.typtype = 'e'") == "0");
}

}  // namespace registry::test
