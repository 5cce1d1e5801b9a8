#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/store/postgres/connection.h"

// A role of the database for each function, with the rights that grants.yaml lists and no others.
namespace registry::migrate {

// What the build writes into the program, see embed.py.
struct EmbeddedGrant {
  std::string_view function;
  std::string_view rights;  // "SELECT (id, slug), UPDATE (updated_at)"
  std::string_view on;      // "TABLE tenants"
};
extern const std::span<const std::string_view> kFunctions;
extern const std::span<const EmbeddedGrant> kGrants;
// roles_before.sql and roles_after.sql, which stand around the grants.
extern const std::string_view kRolesBeforeSql;
extern const std::string_view kRolesAfterSql;

// What the name of a function's role begins with, unless the command line says otherwise.
constexpr std::string_view kDefaultRolePrefix = "registry_";

// Throws Failed for what cannot begin the names of these roles.
void require_role_prefix(std::string_view prefix);

// The SQL that gives each function its role, named `prefix` and the function, with its rights in
// the current schema, and takes from these roles what else they have there. May run again and
// again, by the owner of the tables. For a transaction, which it neither begins nor ends.
[[nodiscard]] std::string roles_sql(std::string_view prefix);

// Runs it, as a whole or not at all. What of it the session's role may not do, to roles that are
// there already, becomes a notice, and so does what is left to these roles by others. Throws Failed
// when a role is missing that the session may not create, or a right is not its to give.
void apply_roles(postgres::Connection& connection, std::string_view prefix);

}  // namespace registry::migrate
