#include "tests/migrate/roles_fixture.h"

#include <atomic>
#include <stdexcept>

namespace registry::test {
namespace {

std::string new_prefix() {
  static std::atomic<int> count{0};
  return "roles" + std::to_string(++count) + "_";
}

}  // namespace

Roles::Roles() : prefix_(new_prefix()) {
  REQUIRE(run({"up"}) == exits(0));
}

Roles::~Roles() {
  try {
    sql("DO $$ DECLARE name text; BEGIN"
        " FOR name IN SELECT rolname FROM pg_roles WHERE rolname LIKE '%" +
        prefix_ +
        "%' LOOP"
        "  EXECUTE format('REASSIGN OWNED BY %I TO CURRENT_USER', name);"
        "  EXECUTE format('DROP OWNED BY %I', name);"
        "  EXECUTE format('DROP ROLE %I', name);"
        " END LOOP; END $$");
  } catch (const std::exception&) {  // they are in nobody's way
  }
}

Arguments Roles::command(const Arguments& more) const {
  Arguments arguments{"roles", "--prefix", prefix_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Output Roles::run_roles_as(const std::string& account) {
  return run_migrate(command(), environment_for(url_as(account)));
}

std::string Roles::url_as(const std::string& account) {
  return shared_cluster().url_without_user(database().name()) + "&user=" + account;
}

std::string Roles::rights() {
  return rights_in(database().session());
}

std::string Roles::rights_in(Session& session) const {
  return session.sql(
      "SELECT string_agg(DISTINCT line, E'\\n') FROM ("
      " SELECT concat_ws(' ', r.rolname, x.privilege_type, place, pg_get_userbyid(x.grantor)) FROM "
      "("
      "  SELECT c.relname::text, c.relacl FROM pg_class c"
      "  UNION ALL SELECT c.relname || '.' || a.attname, a.attacl"
      "  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
      "  UNION ALL SELECT 'schema ' || nspname, nspacl FROM pg_namespace"
      "  UNION ALL SELECT 'database', datacl FROM pg_database WHERE datname = current_database()"
      " ) held (place, acl), LATERAL aclexplode(acl) x JOIN pg_roles r ON r.oid = x.grantee"
      " WHERE starts_with(r.rolname, '" +
      prefix_ + "')) l (line)");
}

std::string Roles::attributes() {
  return sql(
      "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolinherit,"
      " rolreplication, rolbypassrls, rolconfig FROM pg_roles WHERE starts_with(rolname, '" +
      prefix_ + "') ORDER BY rolname");
}

}  // namespace registry::test
