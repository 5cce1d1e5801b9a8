#include "common/base/config.h"

#include <charconv>
#include <cstdlib>
#include <utility>

namespace registry {
namespace {

// Reads variables and remembers the first that is wrong, so that load_config reads as a table.
class Environment {
 public:
  explicit Environment(const EnvironmentLookup& lookup) : lookup_(lookup) {}

  std::string text(const char* name, std::string fallback) {
    auto value = lookup_(name);
    if (!value || value->empty()) return fallback;
    return std::move(*value);
  }

  int integer(const char* name, int fallback, int low, int high) {
    const std::string value = text(name, std::to_string(fallback));
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number < low ||
        number > high) {
      reject(name,
             "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
      return fallback;
    }
    return number;
  }

  LogLevel log_level(const char* name, LogLevel fallback) {
    const std::string value = text(name, std::string(to_string(fallback)));
    const auto level = parse_log_level(value);
    if (!level) reject(name, "must be debug, info, warn or error");
    return level.value_or(fallback);
  }

  // What is a URL or conninfo by its form; the store looks into it. It may hold a password, so that
  // the complaint quotes nothing of it.
  std::string database_url(const char* name) {
    std::string value = text(name, "");
    const bool is_url = value.rfind("postgres://", 0) == 0 || value.rfind("postgresql://", 0) == 0;
    // The first word decides: a value may hold anything, "://" as well.
    const bool is_conninfo = value.find('=') < value.find("://");
    if (!value.empty() && !is_url && !is_conninfo) {
      reject(name, "must be empty, or postgres://… or a libpq conninfo (host=… dbname=…)");
    }
    return value;
  }

  void reject(const char* name, std::string message) {
    if (!error_) error_ = ConfigError{.variable = name, .message = std::move(message)};
  }

  [[nodiscard]] const std::optional<ConfigError>& error() const { return error_; }

 private:
  const EnvironmentLookup& lookup_;
  std::optional<ConfigError> error_;
};

// This build verifies no tokens. It refuses to start where the operator expects it to, rather than
// serving the open service of a developer's machine.
void refuse_what_is_not_built(Environment& env) {
  const std::string app_env = env.text("APP_ENV", "dev");
  if (app_env == "stage" || app_env == "prod") {
    env.reject("APP_ENV", "stage and prod need token verification, which this release lacks");
  } else if (app_env != "dev") {
    env.reject("APP_ENV", "must be dev, stage or prod");
  }
  if (!env.text("KEYCLOAK_ISSUER", "").empty()) {
    env.reject("KEYCLOAK_ISSUER", "this release does not verify tokens");
  }
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  // Nothing in these processes calls setenv, so reading the environment is safe in any thread.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return value;
}

tl::expected<Config, ConfigError> load_config(const EnvironmentLookup& lookup) {
  Environment env(lookup);
  refuse_what_is_not_built(env);
  Config config{
      .database_url = env.database_url("DATABASE_URL"),
      .state_dir = env.text("STATE_DIR", ".dev"),
      .catalog_file = env.text("CATALOG_FILE", ""),
      .trial_days = env.integer("TRIAL_DAYS", 14, 1, 3650),
      .workers = env.integer("WORKERS", 4, 1, 64),
      .idle_exit_s = env.integer("IDLE_EXIT_S", 0, 0, 86'400),
      .log_level = env.log_level("LOG_LEVEL", LogLevel::kInfo),
  };
  if (env.error()) return tl::unexpected<ConfigError>(*env.error());
  return config;
}

}  // namespace registry
