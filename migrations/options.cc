#include "migrations/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "common/base/program_version.h"
#include "migrations/duration.h"
#include "migrations/failure.h"

namespace registry::migrate {
namespace {

// A value as it stands on the command line: always a text, so that one that cannot be read is an
// error of ours and not a wrong use; and one that is empty is not one that is missing.
struct Argument {
  std::string text;
  const CLI::Option* option = nullptr;

  [[nodiscard]] bool is_given() const { return option->count() > 0; }
};

struct Arguments {
  Argument up_limit;
  Argument down_limit;
  Argument goto_version;
  Argument force_version;
  Argument plan_up_limit;
  Argument plan_down_limit;
  Argument plan_version;
  Argument name;
  Argument lock_timeout;
  Argument statement_timeout;
  Argument wait_timeout;
  Argument source;
  Argument role_prefix;
  bool all = false;    // of down
  bool json = false;   // of status
  bool print = false;  // of roles
};

// golang-migrate writes long flags with one dash. And to CLI11 a negative number looks like a flag,
// unless it begins with a space.
std::string normalized(std::string argument) {
  if (argument.size() < 2 || argument[0] != '-' || argument[1] == '-') return argument;
  if (argument[1] >= '0' && argument[1] <= '9') return " " + argument;
  return argument.size() > 2 ? "-" + argument : argument;
}

std::string without_space(const std::string& text) {
  return text.starts_with(' ') ? text.substr(1) : text;
}

std::int64_t read_number(const Argument& argument, const std::string& what, std::int64_t smallest) {
  const std::string digits = without_space(argument.text);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw Failed("can't read " + what + " \"" + digits + "\"");
  }
  if (number < smallest) {
    throw Failed("can't read " + what + " \"" + digits + "\": it must be at least " +
                 std::to_string(smallest));
  }
  return number;
}

std::optional<std::int64_t> read_limit(const Argument& argument) {
  if (!argument.is_given()) return std::nullopt;
  return read_number(argument, "limit argument N", 0);
}

// The default stays when none is given.
void read_duration(const Argument& argument, std::chrono::milliseconds& duration) {
  if (!argument.is_given()) return;
  const std::string text = without_space(argument.text);
  const auto read = parse_duration(text);
  if (!read) {
    throw Failed("can't read " + argument.option->get_name() + " \"" + text +
                 "\": it is a duration like 15s, 500ms or 1m30s");
  }
  duration = *read;
}

// Shows the arguments of each command in the list of all.
class Formatter : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream text;
    const std::string& name = command->get_name();
    const auto* const known =
        std::find_if(kSynopses.begin(), kSynopses.end(),
                     [&](const auto& synopsis) { return synopsis.first == name; });
    const std::string arguments = known == kSynopses.end() ? "" : " " + std::string(known->second);
    CLI::detail::format_help(text, name + arguments, command->get_description(), column_width_);
    return text.str();
  }

 private:
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kSynopses = {{
      {"up", "[N] [--accept-newer]"},
      {"down", "N | -all"},
      {"goto", "V"},
      {"plan", "[up N|down N|goto V]"},
      {"force", "V"},
      {"status", "[--json]"},
      {"wait", "[--timeout 60s]"},
      {"roles", "[--prefix P] [--print] [--accept-newer]"},
      {"create", "NAME"},
  }};
};

// The command line as CLI11 sees it. It refers to its members, so it stays where it is.
class CommandLine {
 public:
  CommandLine()
      : app_(
            "Brings a database to another version of the schema. DATABASE_URL is its URL, or "
            "DATABASE_URL_FILE a file with it.",
            "migrate") {
    app_.formatter(std::make_shared<Formatter>());
    app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", "migrate " + std::string(kProgramVersion));
    add_option(app_, "--source", given_.source,
               "Use the migrations in this folder, not the embedded ones")
        .type_name("DIR");
    add_duration(app_, "--lock-timeout", given_.lock_timeout,
                 "How long to wait for another run's lock, and for table locks (default 15s)");
    add_duration(app_, "--statement-timeout", given_.statement_timeout,
                 "The longest time for one statement (default 0: no limit)");
    app_.add_flag("--allow-out-of-order", options_.allow_out_of_order,
                  "Apply migrations older than the current version that were never applied");
    app_.add_flag("--accept-newer", options_.accepts_newer,
                  "up, roles: leave a database of a newer version as it is, and succeed");
    app_.add_flag("--all", given_.all, "down: all of them, without asking");
    app_.add_flag("--json", given_.json, "status: as a JSON document");
    add_duration(app_, "--timeout", given_.wait_timeout, "wait: how long at most (default 60s)");
    add_option(app_, "--prefix", given_.role_prefix,
               "roles: what their names begin with (default " + options_.role_prefix + ")")
        .type_name("P");
    app_.add_flag("--print", given_.print, "roles: print the SQL, connect to nothing");
    add_moves();
    add_others();
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine() = default;

  [[nodiscard]] std::variant<Options, Leave> parse(std::vector<std::string> arguments) {
    std::transform(arguments.begin(), arguments.end(), arguments.begin(), normalized);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForVersion& version) {
      return Leave{.exit_code = kExitDone, .message = std::string(version.what()) + "\n"};
    } catch (const CLI::CallForHelp&) {
      return Leave{.exit_code = kExitDone, .message = app_.help()};
    } catch (const CLI::ParseError& error) {
      return Leave{.exit_code = kExitUsage,
                   .message = "error: " + reason_of(error) + "\n" + app_.help()};
    }
    if (const char* flag = misplaced_flag()) {
      return Leave{.exit_code = kExitUsage,
                   .message = std::string("error: ") + flag + " belongs to another command"};
    }
    return read();
  }

 private:
  static CLI::Option& add_option(CLI::App& app, const std::string& name, Argument& argument,
                                 const std::string& description) {
    CLI::Option& option = *app.add_option(name, argument.text, description);
    argument.option = &option;
    return option;
  }

  static void add_duration(CLI::App& app, const std::string& name, Argument& argument,
                           const std::string& description) {
    add_option(app, name, argument, description).type_name("DURATION");
  }

  static void add_number(CLI::App& app, const std::string& name, Argument& argument,
                         const std::string& description, bool is_required) {
    add_option(app, name, argument, description).type_name("")->required(is_required);
  }

  CLI::App& add(Command command, const std::string& name, const std::string& description) {
    CLI::App& added = *app_.add_subcommand(name, description);
    added.group("Commands");
    commands_.emplace_back(&added, command);
    return added;
  }

  void add_moves() {
    add_number(add(Command::kUp, "up", "Apply all pending migrations, or N"), "N", given_.up_limit,
               "How many", false);
    CLI::App& down = add(Command::kDown, "down", "Roll back N migrations, or all with -all");
    add_number(down, "N", given_.down_limit, "How many", false);
    add_number(add(Command::kGoto, "goto", "Go up or down to version V"), "V", given_.goto_version,
               "The version", true);
    CLI::App& plan = add(Command::kPlan, "plan", "Print the SQL that would run, change nothing");
    plan.require_subcommand(0, 1);
    plan_up_ = plan.add_subcommand("up", "What `up [N]` would run (the default)");
    add_number(*plan_up_, "N", given_.plan_up_limit, "How many", false);
    plan_down_ = plan.add_subcommand("down", "What `down [N]` would run");
    add_number(*plan_down_, "N", given_.plan_down_limit, "How many", false);
    plan_goto_ = plan.add_subcommand("goto", "What `goto V` would run");
    add_number(*plan_goto_, "V", given_.plan_version, "The version", true);
  }

  void add_others() {
    add(Command::kVersion, "version", "Print the database's version");
    add_number(
        add(Command::kForce, "force", "Set the version, -1 for none, without running anything"),
        "V", given_.force_version, "The version", true);
    add(Command::kStatus, "status",
        "List the migrations; exit code 3 when one is pending or dirty");
    add(Command::kValidate, "validate", "Compare applied migrations with their files");
    add(Command::kWait, "wait", "Wait until the database answers");
    add(Command::kRoles, "roles", "Give each function a role with the rights that it needs");
    add_option(
        add(Command::kCreate, "create", "Make the next empty pair in migrations/ or --source"),
        "NAME", given_.name, "Lower-case letters, digits, underscores")
        .type_name("")
        ->required();
  }

  // The flags of single commands may stand before it, so they are known to all.
  [[nodiscard]] const char* misplaced_flag() const {
    const auto is_parsed = [&](const char* name) { return app_.got_subcommand(name); };
    if (options_.accepts_newer && !is_parsed("up") && !is_parsed("roles")) return "--accept-newer";
    if (given_.all && !is_parsed("down") && !plan_down_->parsed()) return "--all";
    if (given_.json && !is_parsed("status")) return "--json";
    if (given_.wait_timeout.is_given() && !is_parsed("wait")) return "--timeout";
    if (given_.role_prefix.is_given() && !is_parsed("roles")) return "--prefix";
    if (given_.print && !is_parsed("roles")) return "--print";
    return nullptr;
  }

  // CLI11 would rather say that something is missing than that something is wrong.
  [[nodiscard]] std::string reason_of(const CLI::ParseError& error) const {
    const std::vector<std::string> unknown = app_.remaining(true);
    if (!unknown.empty()) return "unknown command or flag " + without_space(unknown.front());
    if (app_.get_subcommands().empty()) return "a command is missing";
    return error.what();
  }

  [[nodiscard]] Options read() {
    for (const auto& [app, command] : commands_) {
      if (app->parsed()) options_.command = command;
    }
    options_.name = given_.name.text;
    options_.as_json = given_.json;
    options_.prints_only = given_.print;
    if (given_.role_prefix.is_given()) {
      options_.role_prefix = given_.role_prefix.text;
      require_role_prefix(options_.role_prefix);
    }
    if (given_.source.is_given()) options_.source_folder = given_.source.text;
    read_duration(given_.lock_timeout, options_.limits.lock_timeout);
    read_duration(given_.statement_timeout, options_.limits.statement_timeout);
    read_duration(given_.wait_timeout, options_.wait_timeout);
    read_goal();
    if (options_.command == Command::kForce) {
      options_.forced_version = read_number(given_.force_version, "version argument V", kNoVersion);
    }
    return options_;
  }

  void read_goal() {
    const auto is = [&](Command command, const CLI::App* plan) {
      return options_.command == command || plan->parsed();
    };
    Goal& goal = options_.goal;
    const bool is_plan = options_.command == Command::kPlan;
    if (is(Command::kGoto, plan_goto_)) {
      goal.kind = Goal::Kind::kVersion;
      goal.version =
          read_number(is_plan ? given_.plan_version : given_.goto_version, "version argument V", 0);
    } else if (is(Command::kDown, plan_down_)) {
      goal.kind = Goal::Kind::kDown;
      goal.limit = read_limit(is_plan ? given_.plan_down_limit : given_.down_limit);
      if (goal.limit && given_.all) {
        throw Failed("-all cannot be used with other arguments");
      }
      options_.asks_first = !goal.limit && !given_.all;
    } else {
      goal.limit = read_limit(is_plan ? given_.plan_up_limit : given_.up_limit);
    }
  }

  CLI::App app_;
  Arguments given_;
  Options options_;
  std::vector<std::pair<CLI::App*, Command>> commands_;
  CLI::App* plan_up_ = nullptr;
  CLI::App* plan_down_ = nullptr;
  CLI::App* plan_goto_ = nullptr;
};

}  // namespace

std::variant<Options, Leave> parse_options(std::vector<std::string> arguments) {
  return CommandLine().parse(std::move(arguments));
}

}  // namespace registry::migrate
