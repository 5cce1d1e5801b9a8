#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "migrations/plan.h"
#include "migrations/roles.h"
#include "migrations/run_limits.h"

namespace registry::migrate {

enum class Command {
  kUp,
  kDown,
  kGoto,
  kVersion,
  kForce,
  kStatus,
  kPlan,
  kValidate,
  kWait,
  kRoles,
  kCreate
};

// What the command line asks for.
struct Options {
  Command command = Command::kUp;
  Goal goal;                // up, down, goto, plan
  bool asks_first = false;  // down without a number and without -all
  std::int64_t forced_version = kNoVersion;
  std::string name;                             // create
  std::string role_prefix{kDefaultRolePrefix};  // roles
  bool prints_only = false;                     // roles
  bool as_json = false;                         // status
  bool allow_out_of_order = false;
  bool accepts_newer = false;                // up, roles: leaves a newer database as it is
  std::optional<std::string> source_folder;  // absent: the embedded migrations
  RunLimits limits;
  std::chrono::milliseconds wait_timeout{60'000};
};

// An end without a command: --help, --version, or a wrong use.
struct Leave {
  int exit_code = 0;
  std::string message;  // for the standard output with exit code 0, else for the error output
};

// Reads the arguments, without the program's name. Flags stand before or after the command; one
// dash is as good as two. Throws Failed for a value that cannot be read.
[[nodiscard]] std::variant<Options, Leave> parse_options(std::vector<std::string> arguments);

}  // namespace registry::migrate
