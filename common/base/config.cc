#include "common/base/config.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <sysexits.h>
#include <unistd.h>

#include "common/base/secret_file.h"

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
    auto secret = secret_variable(lookup_, name);
    if (!secret) {
      if (!error_) error_ = std::move(secret.error());
      return {};
    }
    std::string value = std::move(*secret).value_or("");
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

enum class AppEnv : std::uint8_t { kDev, kStage, kProd };

AppEnv read_app_env(Environment& env) {
  const std::string text = env.text("APP_ENV", "dev");
  if (text == "stage") return AppEnv::kStage;
  if (text == "prod") return AppEnv::kProd;
  if (text != "dev") env.reject("APP_ENV", "must be dev, stage or prod");
  return AppEnv::kDev;
}

// The host of an http or https URL that an issuer may have: no user, query or fragment, nothing
// that would have to be escaped. Source: OpenID Connect Core 1.0, section 2 ("iss").
std::optional<std::string_view> issuer_host(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme != "https" && scheme != "http") return std::nullopt;
  const bool is_plain = std::all_of(url.begin(), url.end(), [](char c) {
    return c > ' ' && c < 0x7F &&
           std::string_view("\"'\\<>^`{|}?#@").find(c) == std::string_view::npos;
  });
  const std::string_view rest = url.substr(scheme_end + 3);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const bool is_bracketed = authority.starts_with('[');
  const std::size_t host_end = is_bracketed ? authority.find(']') : authority.find(':');
  const std::string_view host =
      authority.substr(is_bracketed ? 1 : 0, is_bracketed ? host_end - 1 : host_end);
  if (!is_plain || host.empty() || (is_bracketed && host_end == std::string_view::npos)) {
    return std::nullopt;
  }
  return host;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "127.0.0.1";
}

// Keys that come over a network without TLS are whatever somebody on the way makes of them.
void check_issuer(Environment& env, const std::string& issuer, AppEnv app_env) {
  constexpr const char* kName = "KEYCLOAK_ISSUER";
  const auto host = issuer_host(issuer);
  if (!host) {
    env.reject(kName, "must be an http(s) URL without user, query or fragment");
  } else if (app_env != AppEnv::kDev && !issuer.starts_with("https://") && !is_loopback(*host)) {
    env.reject(kName, "must be an https URL in stage and prod, or one on loopback");
  }
}

// `needs_issuer`: whether to refuse to go on without one, and why.
TokenConfig read_tokens(Environment& env, AppEnv app_env, const char* needs_issuer) {
  TokenConfig tokens{
      .issuer = env.text("KEYCLOAK_ISSUER", ""),
      .audience = env.text("OIDC_AUDIENCE", "tenant-registry"),
      .key_file = env.text("JWKS_FILE", env.text("STATE_DIR", ".dev") + "/jwks.json")};
  if (!tokens.issuer.empty()) {
    check_issuer(env, tokens.issuer, app_env);
  } else if (needs_issuer != nullptr) {
    env.reject("KEYCLOAK_ISSUER", needs_issuer);
  }
  return tokens;
}

}  // namespace

int refuse_configuration(std::string_view program, const ConfigError& error) {
  const std::string line =
      std::string(program) + ": " + error.variable + ": " + error.message + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  return EX_CONFIG;
}

std::optional<std::string> process_environment(const char* name) {
  // Nothing in these processes calls setenv, so reading the environment is safe in any thread.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string metrics_dir(const EnvironmentLookup& lookup) {
  Environment env(lookup);
  return env.text("METRICS_DIR", env.text("STATE_DIR", ".dev") + "/metrics");
}

tl::expected<Config, ConfigError> load_config(const EnvironmentLookup& lookup) {
  Environment env(lookup);
  const AppEnv app_env = read_app_env(env);
  const bool is_open = app_env == AppEnv::kDev;
  Config config{
      .tokens = read_tokens(env, app_env, is_open ? nullptr : "is required in stage and prod"),
      .database_url = env.database_url("DATABASE_URL"),
      .state_dir = env.text("STATE_DIR", ".dev"),
      .catalog_file = env.text("CATALOG_FILE", ""),
      .trial_days = env.integer("TRIAL_DAYS", 14, 1, 3650),
      .workers = env.integer("WORKERS", 4, 1, 64),
      .idle_exit_s = env.integer("IDLE_EXIT_S", 0, 0, 86'400),
      .log_level = env.log_level("LOG_LEVEL", LogLevel::kInfo),
      .metrics_dir = metrics_dir(lookup),
  };
  if (!is_open && config.database_url.empty()) {
    env.reject("DATABASE_URL", "is required in stage and prod");
  }
  if (env.error()) return tl::unexpected<ConfigError>(*env.error());
  return config;
}

tl::expected<JobConfig, ConfigError> load_job_config(const EnvironmentLookup& lookup) {
  Environment env(lookup);
  JobConfig config{
      .tokens = read_tokens(env, read_app_env(env), "is required"),
      .log_level = env.log_level("LOG_LEVEL", LogLevel::kInfo),
  };
  if (env.error()) return tl::unexpected<ConfigError>(*env.error());
  return config;
}

}  // namespace registry
