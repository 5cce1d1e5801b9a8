#include <algorithm>
#include <memory>
#include <sstream>

#include "tests/migrate/roles_fixture.h"
#include "tests/support/service.h"

// `migrate roles`: a role for each function, whatever there was before. What the roles may then do
// is in grants_test.cc.
namespace registry::test {
namespace {

// A role that owns the database and the schema's tables, and is nobody besides.
class Owned : public Roles {
 public:
  Owned() : owner_(account("owner")) {
    sql("CREATE ROLE " + owner_ + " LOGIN; ALTER DATABASE " + database().name() + " OWNER TO " +
        owner_);
    sql("DO $$ DECLARE name regclass; BEGIN"
        " FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        "  AND relkind = 'r' LOOP"
        "  EXECUTE format('ALTER TABLE %s OWNER TO " +
        owner_ + "', name); END LOOP; END $$");
  }

  [[nodiscard]] const std::string& owner() const { return owner_; }

 private:
  std::string owner_;
};

}  // namespace

TEST_CASE_METHOD(Roles, "roles: each operation has one, which may log in and nothing else") {
  const Output result = run_roles();
  REQUIRE(result == exits(0));
  CHECK(result.output.empty());
  std::string expected;
  std::vector<std::string> operations = operation_ids();
  std::sort(operations.begin(), operations.end());
  for (const std::string& operation : operations) {
    expected += (expected.empty() ? "" : "\n") + role(operation) +
                "|t|f|f|f|f|f|f|{enable_bitmapscan=off,enable_seqscan=off,jit=off,"
                "lock_timeout=3000ms,plan_cache_mode=force_generic_plan,statement_timeout=5000ms}";
  }
  CHECK(attributes() == expected);
  CHECK(sql("SELECT count(*) FROM pg_authid WHERE starts_with(rolname, '" + prefix() +
            "') AND rolpassword IS NOT NULL") == "0");
  Session tenant_get(url_as(role("tenant_get")));
  CHECK(tenant_get.sql("SHOW statement_timeout") == "5s");
  CHECK(tenant_get.sql("SELECT count(slug) FROM tenants") == "0");
}

TEST_CASE_METHOD(Roles, "roles: the prefix is registry_ unless another one is given") {
  const std::string printed = run({"roles", "--print"}).output;
  CHECK(printed == containing(" TO \"registry_tenant_get\";\n"));
  CHECK(run_roles({"--print"}).output == containing(" TO \"" + role("tenant_get") + "\";\n"));
}

TEST_CASE_METHOD(Roles, "roles: run again, everything stays as it is") {
  REQUIRE(run_roles() == exits(0));
  const std::string rights_before = rights();
  const std::string attributes_before = attributes();
  REQUIRE(run_roles() == exits(0));
  CHECK(rights() == rights_before);
  CHECK(attributes() == attributes_before);
}

TEST_CASE_METHOD(Roles, "roles: --accept-newer leaves alone what a later release has given") {
  REQUIRE(run_roles() == exits(0));
  sql("UPDATE schema_migrations SET version = 9999;"
      " GRANT DELETE ON tenants TO " +
      role("tenant_get"));
  const std::string rights_before = rights();
  REQUIRE(run_roles({"--accept-newer"}) == exits(0));
  CHECK(rights() == rights_before);
}

TEST_CASE_METHOD(Roles, "roles: of twenty runs at once all exit 0, and the rights are right") {
  std::vector<Run> runs;
  for (int i = 0; i < 20; ++i) runs.push_back(start(command()));
  for (Run& run : runs) CHECK(run.wait() == exits(0));
  const std::string rights_together = rights();
  REQUIRE(run_roles() == exits(0));
  CHECK(rights() == rights_together);
}

TEST_CASE_METHOD(Roles, "roles: runs in several databases of a server at once all exit 0") {
  REQUIRE(run_roles() == exits(0));
  const std::string expected = rights();
  sql("DROP OWNED BY " + role("tenant_get") + "; DROP ROLE " + role("tenant_get"));
  std::vector<std::unique_ptr<Database>> databases(6);
  for (auto& database : databases) {
    database = std::make_unique<Database>();
    REQUIRE(run_migrate({"up"}, environment_for(database->url())) == exits(0));
  }
  std::vector<Run> runs;
  for (const auto& database : databases) runs.emplace_back(command(), database->url());
  for (Run& run : runs) {
    CHECK(run.wait() == exits(0));
    CHECK_FALSE(run.errors() == containing("concurrently"));
  }
  for (const auto& database : databases) CHECK(rights_in(database->session()) == expected);
}

TEST_CASE_METHOD(Roles, "roles --print: needs no database, and what it prints does the same") {
  const Output printed = run_migrate(command({"--print"}), {});
  REQUIRE(printed == exits(0));
  CHECK(printed.errors.empty());
  shared_cluster().sql(database().name(), printed.output);
  const std::string rights_by_hand = rights();
  const std::string attributes_by_hand = attributes();
  CHECK_FALSE(rights_by_hand.empty());
  REQUIRE(run_roles() == exits(0));
  CHECK(rights() == rights_by_hand);
  CHECK(attributes() == attributes_by_hand);
}

TEST_CASE_METHOD(Roles, "roles: what was granted besides is taken away, on whatever it was") {
  REQUIRE(run_roles() == exits(0));
  const std::string expected = rights();
  const std::string name = role("tenant_get");
  sql("CREATE VIEW extra AS SELECT 1 AS one; CREATE SEQUENCE extra_numbers");
  for (const std::string& right : std::vector<std::string>{
           "DELETE ON tenants", "ALL ON audit_log", "SELECT (hash) ON api_keys",
           "UPDATE (name), INSERT (name) ON tenants", "ALL ON SEQUENCE audit_log_id_seq",
           "ALL ON schema_migrations_history", "SELECT ON extra", "ALL ON SEQUENCE extra_numbers",
           "CREATE ON SCHEMA public", "TEMPORARY, CREATE ON DATABASE " + database().name()}) {
    CAPTURE(right);
    sql("GRANT " + right + " TO " + name + " WITH GRANT OPTION");
    REQUIRE(rights() != expected);
    CHECK(run_roles() == exits(0));
    CHECK(rights() == expected);
  }
}

TEST_CASE_METHOD(Roles, "roles: a right that was taken away is given back") {
  REQUIRE(run_roles() == exits(0));
  const std::string expected = rights();
  sql("REVOKE ALL ON tenants, schema_migrations FROM " + role("tenant_get") + ", " +
      role("health_ready") + "; REVOKE ALL ON SCHEMA public FROM " + role("tenant_get"));
  REQUIRE(run_roles() == exits(0));
  CHECK(rights() == expected);
}

TEST_CASE_METHOD(Roles, "roles: what is there already loses its powers, and keeps its own limits") {
  sql("CREATE ROLE " + role("tenant_get") +
      " SUPERUSER CREATEDB CREATEROLE INHERIT REPLICATION BYPASSRLS PASSWORD 'open-sesame';"
      "ALTER ROLE " +
      role("tenant_get") + " SET statement_timeout = '9s'");
  REQUIRE(run_roles() == exits(0));
  CHECK(attributes() ==
        containing(role("tenant_get") + "|f|f|f|f|f|f|f|{statement_timeout=9s,"
                                        "enable_bitmapscan=off,enable_seqscan=off,jit=off,"
                                        "lock_timeout=3000ms,plan_cache_mode=force_generic_plan}"));
  CHECK(sql("SELECT count(*) FROM pg_authid WHERE rolname = '" + role("tenant_get") +
            "' AND rolpassword IS NOT NULL") == "1");
}

TEST_CASE_METHOD(Owned, "roles: an owner without CREATEROLE grants to roles that are there") {
  const Output without = run_roles_as(owner());
  CHECK(without == exits(1));
  CHECK(without.errors == containing("42501"));
  CHECK(without.errors == containing("`migrate roles --print`"));
  CHECK(without.errors == containing("nothing has changed"));
  CHECK(rights().empty());
  REQUIRE(run_roles() == exits(0));
  const std::string expected = rights();
  sql("DROP OWNED BY " + role("tenant_get") + "; GRANT DELETE ON tenants TO " +
      role("tenant_create"));
  const Output with = run_roles_as(owner());
  CHECK(with == exits(0));
  CHECK_FALSE(with.errors == containing("have a superuser run"));
  CHECK(rights() == expected);
}

TEST_CASE_METHOD(Owned, "roles: an owner without CREATEROLE says what it could not mend") {
  REQUIRE(run_roles() == exits(0));
  sql("ALTER ROLE " + role("tenant_get") + " CREATEDB; ALTER ROLE " + role("audit_list") +
      " RESET lock_timeout");
  const Output result = run_roles_as(owner());
  CHECK(result == exits(0));
  CHECK(result.errors == containing("ALTER ROLE " + role("tenant_get") + " NOCREATEDB;"));
  CHECK(result.errors ==
        containing("ALTER ROLE " + role("audit_list") + " SET lock_timeout = '3000ms';"));
}

TEST_CASE_METHOD(Owned, "roles: an owner with CREATEROLE needs no superuser") {
  sql("ALTER ROLE " + owner() + " CREATEROLE");
  for (int run = 0; run < 2; ++run) {
    const Output result = run_roles_as(owner());
    CHECK(result == exits(0));
    CHECK_FALSE(result.errors == containing("have a superuser run"));
  }
  const std::string expected = rights();
  REQUIRE(run_roles() == exits(0));
  CHECK(rights() == expected);
}

TEST_CASE_METHOD(Owned, "roles: whoever does not own the tables gives nothing, and learns why") {
  REQUIRE(run_roles() == exits(0));
  const std::string expected = rights();
  sql("CREATE ROLE " + account("stranger") +
      " LOGIN; GRANT SELECT ON schema_migrations, schema_migrations_history TO " +
      account("stranger"));
  const Output result = run_roles_as(account("stranger"));
  CHECK(result == exits(1));
  CHECK(result.errors == containing("this needs the owner of the tables"));
  sql("DROP OWNED BY " + account("stranger"));
  CHECK(rights() == expected);
}

TEST_CASE_METHOD(Roles, "roles: what everybody may is said, with the statement that ends it") {
  CHECK(run_roles().errors ==
        containing("REVOKE TEMPORARY ON DATABASE " + database().name() + " FROM PUBLIC"));
  sql("REVOKE TEMPORARY ON DATABASE " + database().name() + " FROM PUBLIC");
  const Output quiet = run_roles();
  CHECK_FALSE(quiet.errors == containing("WARNING"));
  for (const auto& [grant, remedy] : {
           std::pair{"CREATE ON SCHEMA public", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"},
           {"DELETE ON tenants", "REVOKE DELETE ON tenants FROM PUBLIC"},
           {"SELECT (hash) ON api_keys", "REVOKE SELECT ON api_keys FROM PUBLIC"},
       }) {
    CAPTURE(grant);
    sql("GRANT " + std::string(grant) + " TO PUBLIC");
    const Output loud = run_roles();
    CHECK(loud == exits(0));
    CHECK(loud.errors == containing(remedy));
    sql(remedy);
    CHECK(run_roles().errors == quiet.errors);
  }
}

TEST_CASE_METHOD(Roles, "roles: what others gave them is said: memberships, rights, ownership") {
  REQUIRE(run_roles() == exits(0));
  const std::string name = role("tenant_get");
  const std::string other = account("other");
  sql("CREATE ROLE " + other + "; GRANT " + other + " TO " + name +
      "; GRANT DELETE ON tenants TO " + other + " WITH GRANT OPTION; SET ROLE " + other +
      "; GRANT DELETE ON tenants TO " + name + "; RESET ROLE; CREATE TABLE theirs ();" +
      "ALTER TABLE theirs OWNER TO " + name);
  const Output result = run_roles();
  CHECK(result == exits(0));
  CHECK(result.errors == containing("REVOKE " + other + " FROM " + name));
  CHECK(result.errors == containing(name + " may DELETE tenants, by " + other));
  CHECK(result.errors == containing(name + " owns objects"));
}

TEST_CASE_METHOD(Roles,
                 "roles: the role of a function that is gone keeps its rights, and is named") {
  REQUIRE(run_roles() == exits(0));
  sql("CREATE ROLE " + role("gone") + "; GRANT SELECT (slug) ON tenants TO " + role("gone"));
  const Output result = run_roles();
  CHECK(result == exits(0));
  CHECK(result.errors ==
        containing("DROP OWNED BY " + role("gone") + "; DROP ROLE " + role("gone")));
  CHECK(rights() == containing(role("gone") + " SELECT tenants.slug"));
}

TEST_CASE_METHOD(Migrate, "roles: on a schema that is not complete nothing happens") {
  for (const Arguments& before : {Arguments{"version"}, Arguments{"up", "1"}}) {
    static_cast<void>(run(before));
    const Output result = run({"roles", "--prefix", "incomplete_"});
    CHECK(result == exits(1));
    CHECK(result.errors == containing("run migrate up first"));
  }
  REQUIRE(run({"up"}) == exits(0));
  sql("UPDATE schema_migrations SET dirty = true");
  const Output dirty = run({"roles", "--prefix", "incomplete_"});
  CHECK(dirty == exits(1));
  CHECK(dirty.errors == containing("Dirty database version"));
  CHECK(sql("SELECT count(*) FROM pg_roles WHERE starts_with(rolname, 'incomplete_')") == "0");
}

TEST_CASE_METHOD(Roles, "roles: the rights are those to the current schema, and to no other") {
  sql("CREATE SCHEMA other");
  const std::string suffix = "&options=-csearch_path%3Dother,public";
  REQUIRE(run_with(suffix, {"up"}) == exits(0));
  REQUIRE(run_with(suffix, command()) == exits(0));
  CHECK(sql("SELECT has_column_privilege('" + role("tenant_get") +
            "', 'other.tenants', 'slug', 'SELECT')") == "t");
  CHECK(sql("SELECT has_any_column_privilege('" + role("tenant_get") +
            "', 'public.tenants', 'SELECT')") == "f");
}

TEST_CASE_METHOD(Migrate, "roles: a run of migrations keeps them out until the timeout") {
  add("0001_gate.up.sql", Gate::kSql);
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  const Output result = run({"roles", "--lock-timeout", "100ms"});
  CHECK(result == exits(1));
  CHECK(result.errors == containing("timeout: can't acquire database lock"));
  gate.open();
  CHECK(up.wait() == exits(0));
}

TEST_CASE_METHOD(Roles, "roles: nothing is changed through a pooler") {
  const Output pooled =
      run_migrate(command(), environment_for(shared_pgbouncer().url(database().name())));
  CHECK(pooled == exits(1));
  CHECK(pooled.errors == containing("pooler"));
}

TEST_CASE("roles: a prefix that is no beginning of a name, and a flag elsewhere, are refused") {
  for (const char* prefix : {"", "1_", "Registry_", "a-b", "pg_", "a\"b",
                             "a_prefix_that_is_far_too_long_for_the_name_of_a_role_to_follow_it"}) {
    CAPTURE(prefix);
    const Output result = run_migrate({"roles", "--print", "--prefix", prefix}, {});
    CHECK(result == exits(1));
    CHECK(result.output.empty());
    CHECK(result.errors == containing("can't read --prefix"));
  }
  CHECK(run_migrate({"up", "--prefix", "a_"}, {}) == exits(2));
  CHECK(run_migrate({"up", "--print"}, {}) == exits(2));
  CHECK(run_migrate({"roles", "all"}, {}) == exits(2));
  CHECK(run_migrate({"roles"}, {}) == exits(1));
}

}  // namespace registry::test
