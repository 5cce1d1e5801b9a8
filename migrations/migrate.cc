#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "common/store/postgres/sql_error.h"
#include "migrations/commands.h"
#include "migrations/console.h"
#include "migrations/failure.h"
#include "migrations/options.h"
#include "migrations/signals.h"
#include "migrations/sql_report.h"

namespace registry::migrate {
namespace {

int leave(const Leave& leave) {
  if (leave.exit_code == kExitDone) {
    print(leave.message);
  } else {
    say(leave.message);
  }
  return leave.exit_code;
}

// The one place where errors end.
int run(std::vector<std::string> arguments) {
  try {
    exit_on_stop_signals();
    const auto parsed = parse_options(std::move(arguments));
    if (const auto* end = std::get_if<Leave>(&parsed)) return leave(*end);
    return run_command(std::get<Options>(parsed));
  } catch (const postgres::SqlError& error) {
    say("error: " + describe(error.report()));
  } catch (const std::exception& error) {
    say("error: " + std::string(error.what()));
  }
  return kExitFailed;
}

}  // namespace
}  // namespace registry::migrate

int main(int argc, char** argv) {
  return registry::migrate::run({argv + (argc > 0 ? 1 : 0), argv + argc});
}
