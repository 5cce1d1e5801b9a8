#pragma once

#include <string>

#include "tests/migrate/fixture.h"

namespace registry::test {

// A database with the registry's schema, for roles with names of this test's own. Roles belong to
// the whole cluster; those of the test go with it.
class Roles : public Migrate {
 public:
  Roles();
  Roles(const Roles&) = delete;
  Roles& operator=(const Roles&) = delete;
  ~Roles();

  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] std::string role(const std::string& function) const { return prefix_ + function; }
  // The name of a role of the test's own, which is none of these.
  [[nodiscard]] std::string account(const std::string& name) const { return name + "_" + prefix_; }
  // What the command does with these names, as a superuser and as another role.
  [[nodiscard]] Arguments command(const Arguments& more = {}) const;
  [[nodiscard]] Output run_roles(const Arguments& more = {}) { return run(command(more)); }
  [[nodiscard]] Output run_roles_as(const std::string& account);
  [[nodiscard]] std::string url_as(const std::string& account);

  // What these roles may do and by whom, a line for each right, and their attributes and settings.
  [[nodiscard]] std::string rights();
  [[nodiscard]] std::string rights_in(Session& session) const;
  [[nodiscard]] std::string attributes();

 private:
  std::string prefix_;
};

}  // namespace registry::test
