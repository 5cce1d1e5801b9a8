#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "common/base/log.h"

namespace registry {

// What a function process is told by its environment. README's table documents each variable.
struct Config {
  std::string database_url;        // libpq URL or conninfo; empty: the embedded store
  std::string state_dir = ".dev";  // folder of the embedded store
  std::string catalog_file;        // empty: the built-in catalog
  int trial_days = 14;             // length of a new tenant's trial
  int workers = 4;                 // threads that answer requests
  int idle_exit_s = 0;             // leave after that long without a request; 0: never
  LogLevel log_level = LogLevel::kInfo;
};

// A variable whose value cannot be used: the process says so in one line and exits with 78.
struct ConfigError {
  std::string variable;
  std::string message;
};

// Gives the value of an environment variable, or nothing when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

[[nodiscard]] std::optional<std::string> process_environment(const char* name);

// Reads and checks every variable. An empty value counts as not set. Fails with the first bad one.
[[nodiscard]] tl::expected<Config, ConfigError> load_config(const EnvironmentLookup& lookup);

}  // namespace registry
