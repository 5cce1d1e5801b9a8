#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/base/log.h"

namespace registry {

// Whose tokens count, and where the keys that verify them are.
struct TokenConfig {
  std::string issuer;  // OIDC issuer, exactly as its tokens say; empty: no token is asked for
  std::string audience = "tenant-registry";
  std::string key_file = ".dev/jwks.json";  // written by jwks_sync, read by the functions
};

// What a function process is told by its environment. README's table documents each variable.
struct Config {
  TokenConfig tokens;
  std::string database_url;        // libpq URL or conninfo; empty: the embedded store
  std::string state_dir = ".dev";  // folder of the embedded store
  std::string catalog_file;        // empty: the built-in catalog
  int trial_days = 14;             // length of a new tenant's trial
  int workers = 4;                 // threads that answer requests
  int idle_exit_s = 0;             // leave after that long without a request; 0: never
  LogLevel log_level = LogLevel::kInfo;
  std::string metrics_dir = ".dev/metrics";  // folder of what functions count, a file for each
};

// A variable whose value cannot be used: the process says so in one line and exits with 78.
struct ConfigError {
  std::string variable;
  std::string message;
};

// Says on standard error, in one line, which variable of which program it is; gives the exit code.
[[nodiscard]] int refuse_configuration(std::string_view program, const ConfigError& error);

// Gives the value of an environment variable, or nothing when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

[[nodiscard]] std::optional<std::string> process_environment(const char* name);

// METRICS_DIR, also of an environment that load_config() refuses.
[[nodiscard]] std::string metrics_dir(const EnvironmentLookup& lookup);

// Reads and checks every variable. An empty value counts as not set. Fails with the first bad one.
// In stage and prod there must be an issuer and a database: an open service is for development.
[[nodiscard]] tl::expected<Config, ConfigError> load_config(const EnvironmentLookup& lookup);

// What a job is told that serves no operation and knows no store.
struct JobConfig {
  TokenConfig tokens;
  LogLevel log_level = LogLevel::kInfo;
};

// The same for such a job, which without an issuer has nothing to do: fails without one.
[[nodiscard]] tl::expected<JobConfig, ConfigError> load_job_config(const EnvironmentLookup& lookup);

}  // namespace registry
