#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "common/store/postgres/connection.h"
#include "tests/migrate/roles_fixture.h"
#include "tests/support/service.h"

// What each function's role may do, tried as each role on everything there is, and held against
// migrations/grants.yaml.
namespace registry::test {
namespace {

using postgres::Connection;
using Words = std::set<std::string>;

// SQLSTATE of a missing right, and what is shown for a statement that went well.
constexpr const char* kRefused = "42501";
constexpr const char* kAllowed = "allowed";

Words lines_of(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  return lines;
}

// "tenant_get SELECT tenants slug", "audit_append USAGE audit_log_id_seq".
const Words& granted() {
  static const Words kGranted = [] {
    const Output output =
        run_program({.arguments = {source_folder() + "/tests/migrate/list_grants"}});
    if (output.exit_code != 0) throw std::runtime_error("list_grants: " + output.errors);
    return lines_of(output.output);
  }();
  return kGranted;
}

bool is_granted(const std::string& function, const std::string& right, const std::string& table,
                const std::string& column) {
  return granted().contains(function + " " + right + " " + table + " " + column);
}

// What comes of a statement. Some of those that must not go well cannot run in a transaction.
std::string outcome_alone(Connection& connection, const std::string& statement) {
  try {
    connection.execute(statement);
    return kAllowed;
  } catch (const postgres::SqlError& error) {
    return std::string(error.sqlstate());
  }
}

// The same of one that may go well, taken back.
std::string outcome_of(Connection& connection, const std::string& statement) {
  const postgres::Transaction transaction(connection);
  return outcome_alone(connection, statement);
}

// The roles' database, hardened as README says, with something that belongs to somebody else.
class Grants : public Roles {
 public:
  Grants() {
    REQUIRE(run_roles() == exits(0));
    sql("REVOKE TEMPORARY ON DATABASE " + database().name() +
        " FROM PUBLIC; CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.theirs (id int);"
        "GRANT USAGE ON SCHEMA elsewhere TO PUBLIC; CREATE TABLE new_here (id int)");
  }

  [[nodiscard]] Connection connect(const std::string& function) {
    return Connection(
        {.url = url_as(role(function)), .application_name = "test", .prepares = false});
  }

  // The columns of all tables of the schema.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> tables() {
    std::map<std::string, std::vector<std::string>> columns;
    std::istringstream lines(
        sql("SELECT c.relname || ' ' || a.attname FROM pg_class c JOIN pg_attribute a"
            " ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY c.relname, a.attnum"));
    for (std::string table, column; lines >> table >> column;) columns[table].push_back(column);
    return columns;
  }

  // The functions whose roles may do this with a column, as the server has it.
  [[nodiscard]] Words functions_with(const std::string& right, const std::string& table,
                                     const std::string& column) {
    Words functions;
    for (const std::string& function : operation_ids()) {
      if (sql("SELECT has_column_privilege('" + role(function) + "', '" + table + "', '" + column +
              "', '" + right + "')") == "t") {
        functions.insert(function);
      }
    }
    return functions;
  }

 protected:
  void expect(const std::string& function, const std::string& statement,
              const std::string& expected, const std::string& outcome) {
    ++tried_;
    if (outcome == expected) return;
    differences_.push_back(function + ": " + statement + ": " + outcome + ", not " + expected);
  }

  int tried_ = 0;
  std::vector<std::string> differences_;
};

// What nobody may do with a table, whatever else.
std::vector<std::string> forbidden_with(const std::string& table) {
  return {"DELETE FROM " + table + " WHERE false",
          "TRUNCATE " + table,
          "LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE",
          "ALTER TABLE " + table + " ADD COLUMN intruder int",
          "ALTER TABLE " + table + " DISABLE TRIGGER ALL",
          "ALTER TABLE " + table + " RENAME TO intruder",
          "DROP TABLE " + table + " CASCADE",
          "CREATE INDEX ON " + table + " ((1))",
          "CREATE TRIGGER intruder BEFORE UPDATE ON " + table +
              " FOR EACH ROW EXECUTE FUNCTION touch_updated_at()",
          "CREATE POLICY intruder ON " + table,
          "COPY " + table + " TO PROGRAM 'true'",
          "COPY " + table + " FROM PROGRAM 'true'"};
}

// What nobody may do with anything else. `self` and `other` are roles of functions.
std::vector<std::string> forbidden(const std::string& self, const std::string& other,
                                   const std::string& database, int pid_of_superuser) {
  return {
      // What would be the role's own.
      "CREATE TABLE intruder (id int)",
      "CREATE TEMPORARY TABLE intruder (id int)",
      "CREATE TABLE elsewhere.intruder (id int)",
      "CREATE VIEW intruder AS SELECT 1",
      "CREATE SEQUENCE intruder",
      "CREATE TYPE intruder AS ENUM ('one')",
      "CREATE SCHEMA intruder",
      "CREATE PUBLICATION intruder",
      "CREATE FUNCTION intruder() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql"
      " AS 'BEGIN RETURN NULL; END'",
      "CREATE DATABASE intruder",
      // What is others'.
      "SELECT * FROM elsewhere.theirs",
      "SELECT * FROM pg_authid",
      "DROP FUNCTION touch_updated_at() CASCADE",
      "ALTER FUNCTION touch_updated_at() RENAME TO intruder",
      "ALTER TYPE tenant_status ADD VALUE 'intruder'",
      "ALTER SEQUENCE audit_log_id_seq RESTART",
      "SELECT setval('audit_log_id_seq', 1)",
      "SELECT last_value FROM audit_log_id_seq",
      "ALTER DATABASE " + database + " SET search_path = elsewhere",
      "SELECT pg_terminate_backend(" + std::to_string(pid_of_superuser) + ")",
      // Other roles.
      "CREATE ROLE intruder",
      "ALTER ROLE " + self + " CREATEROLE",
      "ALTER ROLE " + other + " PASSWORD 'open-sesame'",
      "DROP ROLE " + other,
      "GRANT " + other + " TO " + self,
      "SET ROLE " + other,
      "SET SESSION AUTHORIZATION " + other,
      // The server and its machine.
      "SET session_replication_role = replica",
      "SET log_statement = 'none'",
      "ALTER SYSTEM SET work_mem = '1GB'",
      "COPY (SELECT 1) TO PROGRAM 'true'",
      "COPY (SELECT 1) TO '/tmp/intruder'",
      "SELECT pg_read_file('postmaster.pid')",
      "SELECT pg_ls_dir('.')",
      "SELECT lo_import('/etc/passwd')",
      "SELECT pg_reload_conf()",
  };
}

}  // namespace

TEST_CASE_METHOD(Grants,
                 "grants: each role may read and write the columns of the table, no others") {
  const auto tables_here = tables();
  REQUIRE(tables_here.size() >= 8);
  for (const std::string& function : operation_ids()) {
    Connection connection = connect(function);
    for (const auto& [table, columns] : tables_here) {
      for (const std::string& column : columns) {
        for (const auto& [right, statement] : std::map<std::string, std::string>{
                 {"SELECT", "SELECT " + column + " FROM " + table + " WHERE false"},
                 {"INSERT", "INSERT INTO " + table + " (" + column + ") SELECT (NULL::" + table +
                                ")." + column + " WHERE false"},
                 {"UPDATE", "UPDATE " + table + " SET " + column + " = NULL WHERE false"}}) {
          expect(function, statement,
                 is_granted(function, right, table, column) ? kAllowed : kRefused,
                 outcome_of(connection, statement));
        }
      }
    }
  }
  CAPTURE(differences_);
  CHECK(differences_.empty());
  REQUIRE(tried_ > 3000);
}

TEST_CASE_METHOD(Grants, "grants: nobody deletes, empties, locks or alters a table, whichever") {
  const std::string catalog = shared_cluster().schema_dump(database().name());
  const auto tables_here = tables();
  for (const std::string& function : operation_ids()) {
    Connection connection = connect(function);
    for (const auto& [table, columns] : tables_here) {
      for (const std::string& statement : forbidden_with(table)) {
        expect(function, statement, kRefused, outcome_of(connection, statement));
      }
    }
  }
  CAPTURE(differences_);
  CHECK(differences_.empty());
  CHECK(shared_cluster().schema_dump(database().name()) == catalog);
}

TEST_CASE_METHOD(Grants,
                 "grants: nobody makes anything, or reaches beyond the function's own role") {
  const std::string rights_before = rights();
  const std::string attributes_before = attributes();
  const std::string catalog = shared_cluster().schema_dump(database().name());
  for (const std::string& function : operation_ids()) {
    Connection connection = connect(function);
    const std::string other = function == "api_key_verify" ? "audit_list" : "api_key_verify";
    for (const std::string& statement : forbidden(role(function), role(other), database().name(),
                                                  database().session().backend_pid())) {
      expect(function, statement, kRefused, outcome_alone(connection, statement));
    }
    // Refused, or a warning that nothing was granted.
    for (const char* table : {"tenants", "api_keys", "audit_log", "schema_migrations"}) {
      const std::string to_other = std::string("GRANT ALL ON ") + table + " TO " + role(other);
      static_cast<void>(outcome_alone(connection, to_other));
      const std::string to_all = std::string("GRANT SELECT ON ") + table + " TO PUBLIC";
      static_cast<void>(outcome_alone(connection, to_all));
    }
  }
  CAPTURE(differences_);
  CHECK(differences_.empty());
  CHECK(rights() == rights_before);
  CHECK(attributes() == attributes_before);
  CHECK(shared_cluster().schema_dump(database().name()) == catalog);
}

TEST_CASE_METHOD(Grants, "grants: whoever appends to the trail draws its ids, and nobody else") {
  Words functions;
  for (const std::string& function : operation_ids()) {
    Connection connection = connect(function);
    const bool is_expected = granted().contains(function + " USAGE audit_log_id_seq");
    const std::string draw = "SELECT nextval('audit_log_id_seq')";
    expect(function, draw, is_expected ? kAllowed : kRefused, outcome_of(connection, draw));
    if (is_expected) functions.insert(function);
  }
  CAPTURE(differences_);
  CHECK(differences_.empty());
  CHECK(functions == functions_with("INSERT", "audit_log", "action"));
}

// What the table must say, whatever else it does.

TEST_CASE_METHOD(Grants, "grants: a key's hash is read by those that verify keys alone") {
  const Words kTakingKeys = {"api_key_verify", "audit_append", "audit_publish",
                             "audit_publish_bulk", "entitlement_list"};
  CHECK(functions_with("SELECT", "api_keys", "hash") == kTakingKeys);
  CHECK(functions_with("INSERT", "api_keys", "hash") == Words{"api_key_create"});
  CHECK(functions_with("UPDATE", "api_keys", "hash").empty());
  CHECK(functions_with("UPDATE", "api_keys", "last_used_at") == kTakingKeys);
  CHECK(functions_with("UPDATE", "api_keys", "revoked_at") == Words{"api_key_revoke"});
}

TEST_CASE_METHOD(Grants, "grants: the trail is append-only, and read by audit_list alone") {
  // Of what they append they are given the ids.
  const Words kGivenIds = {"audit_append", "audit_list", "audit_publish", "audit_publish_bulk"};
  const auto columns = tables().at("audit_log");
  REQUIRE(!columns.empty());
  for (const std::string& column : columns) {
    CAPTURE(column);
    CHECK(functions_with("UPDATE", "audit_log", column).empty());
    CHECK(functions_with("SELECT", "audit_log", column) ==
          (column == "id" ? kGivenIds : Words{"audit_list"}));
  }
}

TEST_CASE_METHOD(Grants, "grants: every function reads the version, and none its history") {
  for (const auto& [table, columns] : tables()) {
    if (!table.starts_with("schema_migrations")) continue;
    for (const std::string& column : columns) {
      CAPTURE(table, column);
      CHECK(functions_with("SELECT", table, column) ==
            (table == "schema_migrations" ? Words(operation_ids().begin(), operation_ids().end())
                                          : Words{}));
      CHECK(functions_with("INSERT", table, column).empty());
      CHECK(functions_with("UPDATE", table, column).empty());
    }
  }
}

TEST_CASE_METHOD(Grants, "grants: what only looks writes nothing but the last use of a key") {
  for (const std::string& line : granted()) {
    std::istringstream words(line);
    std::string function;
    std::string right;
    std::string table;
    std::string column;
    words >> function >> right >> table >> column;
    const bool only_looks = function.ends_with("_list") || function.ends_with("_get") ||
                            function.ends_with("_by_slug") || function.ends_with("_verify") ||
                            function.starts_with("health_");
    if (!only_looks || right == "SELECT") continue;
    CAPTURE(line);
    CHECK(right + " " + table + " " + column == "UPDATE api_keys last_used_at");
  }
}

}  // namespace registry::test
