#include "common/base/config.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

using Settings = std::map<std::string, std::string>;

// The settings must outlive it.
EnvironmentLookup lookup_in(const Settings& settings) {
  return [&settings](const char* name) -> std::optional<std::string> {
    const auto found = settings.find(name);
    if (found == settings.end()) return std::nullopt;
    return found->second;
  };
}

tl::expected<Config, ConfigError> load(const Settings& settings) {
  return load_config(lookup_in(settings));
}

void check_refused(const std::string& variable, const std::string& value) {
  CAPTURE(variable, value);
  const auto config = load({{variable, value}});
  REQUIRE_FALSE(config);
  CHECK(config.error().variable == variable);
  CHECK_FALSE(config.error().message.empty());
  CHECK(config.error().message.find('\n') == std::string::npos);
}

void check_is_default(const Config& config) {
  CHECK(config.database_url.empty());
  CHECK(config.state_dir == ".dev");
  CHECK(config.catalog_file.empty());
  CHECK(config.trial_days == 14);
  CHECK(config.workers == 4);
  CHECK(config.idle_exit_s == 0);
  CHECK(config.log_level == LogLevel::kInfo);
  CHECK(config.tokens.issuer.empty());
  CHECK(config.tokens.audience == "tenant-registry");
  CHECK(config.tokens.key_file == ".dev/jwks.json");
}

TEST_CASE("load_config: what is not set has its default") {
  const auto config = load({});
  REQUIRE(config);
  check_is_default(*config);
  check_is_default(Config{});
}

TEST_CASE("load_config: an empty value counts as not set") {
  const auto config = load({{"STATE_DIR", ""},
                            {"CATALOG_FILE", ""},
                            {"TRIAL_DAYS", ""},
                            {"WORKERS", ""},
                            {"IDLE_EXIT_S", ""},
                            {"LOG_LEVEL", ""},
                            {"APP_ENV", ""},
                            {"KEYCLOAK_ISSUER", ""},
                            {"OIDC_AUDIENCE", ""},
                            {"JWKS_FILE", ""},
                            {"DATABASE_URL", ""}});
  REQUIRE(config);
  check_is_default(*config);
}

TEST_CASE("load_config: every variable is taken") {
  const auto config = load({{"DATABASE_URL", "postgres://registry@db/registry"},
                            {"STATE_DIR", "/var/lib/registry"},
                            {"CATALOG_FILE", "/etc/catalog.json"},
                            {"TRIAL_DAYS", "30"},
                            {"WORKERS", "8"},
                            {"IDLE_EXIT_S", "600"},
                            {"LOG_LEVEL", "warn"},
                            {"APP_ENV", "dev"},
                            {"KEYCLOAK_ISSUER", "https://id.example/realms/x"},
                            {"OIDC_AUDIENCE", "registry"},
                            {"JWKS_FILE", "/run/registry/keys.json"}});
  REQUIRE(config);
  CHECK(config->tokens.issuer == "https://id.example/realms/x");
  CHECK(config->tokens.audience == "registry");
  CHECK(config->tokens.key_file == "/run/registry/keys.json");
  CHECK(config->database_url == "postgres://registry@db/registry");
  CHECK(config->state_dir == "/var/lib/registry");
  CHECK(config->catalog_file == "/etc/catalog.json");
  CHECK(config->trial_days == 30);
  CHECK(config->workers == 8);
  CHECK(config->idle_exit_s == 600);
  CHECK(config->log_level == LogLevel::kWarn);
}

TEST_CASE("load_config: whole numbers are accepted up to their limits and not beyond") {
  struct Range {
    std::string variable;
    int Config::*member;
    int low;
    int high;
  };
  const auto range = GENERATE(as<Range>(), Range{"TRIAL_DAYS", &Config::trial_days, 1, 3650},
                              Range{"WORKERS", &Config::workers, 1, 64},
                              Range{"IDLE_EXIT_S", &Config::idle_exit_s, 0, 86'400});
  for (const int number : {range.low, range.high}) {
    const auto config = load({{range.variable, std::to_string(number)}});
    REQUIRE(config);
    CHECK((*config).*range.member == number);
  }
  check_refused(range.variable, std::to_string(range.low - 1));
  check_refused(range.variable, std::to_string(range.high + 1));
}

TEST_CASE("load_config: what is no whole number is refused") {
  const auto variable = GENERATE(as<std::string>(), "TRIAL_DAYS", "WORKERS", "IDLE_EXIT_S");
  const auto value = GENERATE(as<std::string>(), "x", " 4", "4 ", "+4", "-4", "4.0", "4e0", "0x4",
                              "4,", "99999999999999999999", "\xD9\xA4");
  check_refused(variable, value);
}

TEST_CASE("load_config: a log level of another name is refused") {
  const auto value = GENERATE(as<std::string>(), "INFO", "warning", "trace", "1", "info ");
  check_refused("LOG_LEVEL", value);
}

TEST_CASE("load_config: each log level has its name") {
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warn", LogLevel::kWarn},
                                                  {"error", LogLevel::kError}};
  for (const auto& [name, level] : levels) {
    const auto config = load({{"LOG_LEVEL", name}});
    REQUIRE(config);
    CHECK(config->log_level == level);
    CHECK(to_string(level) == name);
  }
}

constexpr const char* kIssuer = "https://id.example/realms/x";
constexpr const char* kDatabase = "postgres:///registry";

TEST_CASE("load_config: the keys lie in the state folder unless told otherwise") {
  const auto config = load({{"STATE_DIR", "/var/lib/registry"}});
  REQUIRE(config);
  CHECK(config->tokens.key_file == "/var/lib/registry/jwks.json");
}

TEST_CASE("load_config: an environment of another name is refused") {
  const auto value = GENERATE(as<std::string>(), "production", "DEV", "prod ", "test");
  check_refused("APP_ENV", value);
}

TEST_CASE("load_config: stage and prod need an issuer and a database") {
  const auto app_env = GENERATE(as<std::string>(), "stage", "prod");
  CAPTURE(app_env);
  const auto refused_variable = [&](Settings settings) {
    settings.emplace("APP_ENV", app_env);
    const auto config = load(settings);
    return config ? "none" : config.error().variable;
  };
  CHECK(refused_variable({}) == "KEYCLOAK_ISSUER");
  CHECK(refused_variable({{"DATABASE_URL", kDatabase}}) == "KEYCLOAK_ISSUER");
  CHECK(refused_variable({{"KEYCLOAK_ISSUER", kIssuer}}) == "DATABASE_URL");
  CHECK(refused_variable({{"KEYCLOAK_ISSUER", kIssuer}, {"DATABASE_URL", kDatabase}}) == "none");
}

TEST_CASE("load_config: an issuer is a plain http or https URL") {
  for (const char* url : {"https://id.example", "https://id.example:8443/realms/x",
                          "http://keycloak:8080/realms/x", "https://[2001:db8::1]/realms/x"}) {
    CAPTURE(url);
    const auto config = load({{"KEYCLOAK_ISSUER", url}});
    REQUIRE(config);
    CHECK(config->tokens.issuer == url);
  }
  for (const char* url :
       {"id.example", "ftp://id.example", "https://", "https:///realms/x",
        "https://user@id.example", "https://id.example/?a=b", "https://id.example/#x",
        "https://id.example/a b", "https://id.example/\n", "https://[::1", "https://:8443/",
        "HTTPS://id.example", "https://id.ex\xC3\xA4mple"}) {
    check_refused("KEYCLOAK_ISSUER", url);
  }
}

TEST_CASE("load_config: in stage and prod keys come over TLS, or from this machine") {
  const auto app_env = GENERATE(as<std::string>(), "stage", "prod");
  const auto is_accepted = [&](const std::string& url) {
    return load({{"APP_ENV", app_env}, {"DATABASE_URL", kDatabase}, {"KEYCLOAK_ISSUER", url}})
        .has_value();
  };
  CHECK(is_accepted("https://id.example"));
  for (const char* host : {"127.0.0.1:8080", "localhost", "localhost:8080", "[::1]:8080"}) {
    CAPTURE(host);
    CHECK(is_accepted(std::string("http://") + host + "/realms/x"));
  }
  for (const char* host : {"id.example", "127.0.0.1.example", "localhost.example", "[::2]"}) {
    CAPTURE(host);
    CHECK_FALSE(is_accepted(std::string("http://") + host + "/realms/x"));
  }
}

TEST_CASE("load_job_config: a job needs an issuer, and no database") {
  const auto load_job = [](const Settings& settings) {
    return load_job_config(lookup_in(settings));
  };
  const auto config = load_job({{"APP_ENV", "prod"},
                                {"KEYCLOAK_ISSUER", kIssuer},
                                {"JWKS_FILE", "/run/keys.json"},
                                {"LOG_LEVEL", "warn"}});
  REQUIRE(config);
  CHECK(config->tokens.issuer == kIssuer);
  CHECK(config->tokens.key_file == "/run/keys.json");
  CHECK(config->log_level == LogLevel::kWarn);
  const auto without = load_job({});
  REQUIRE_FALSE(without);
  CHECK(without.error().variable == "KEYCLOAK_ISSUER");
}

TEST_CASE("load_config: a database is a libpq URL or conninfo, of several hosts if need be") {
  const auto url =
      GENERATE(as<std::string>(), "postgres://u:p@db/registry", "postgresql:///registry",
               "postgresql://a:5432,b:5433/registry?target_session_attrs=read-write",
               "host=a,b dbname=registry", "service=registry");
  const auto config = load({{"DATABASE_URL", url}});
  REQUIRE(config);
  CHECK(config->database_url == url);
}

TEST_CASE("load_config: any other database is refused") {
  const auto url = GENERATE(as<std::string>(), "mysql://db", "mysql://db?a=b", "registry.db",
                            "sqlite:///registry.db", "POSTGRES://db", " ");
  check_refused("DATABASE_URL", url);
}

TEST_CASE("load_config: a refused value is not repeated, since it may hold a password") {
  const auto config = load({{"DATABASE_URL", "mysql://user:hunter2@db/registry"}});
  REQUIRE_FALSE(config);
  CHECK(config.error().message.find("hunter2") == std::string::npos);
}

TEST_CASE("load_config: the URL of the database may stand in a file") {
  const test::TempFolder folder;
  const std::string file = folder.path() + "/url";
  test::write_file(file, "postgres:///registry\n");
  const auto config = load({{"DATABASE_URL_FILE", file}});
  REQUIRE(config);
  CHECK(config->database_url == "postgres:///registry");
  const auto missing = load({{"DATABASE_URL_FILE", file + "2"}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().variable == "DATABASE_URL_FILE");
  test::write_file(file, "mysql://user:hunter2@db/registry");
  const auto bad = load({{"DATABASE_URL_FILE", file}});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.find("hunter2") == std::string::npos);
}

TEST_CASE("load_config: of several bad values one is named") {
  const auto config = load({{"WORKERS", "0"}, {"TRIAL_DAYS", "0"}, {"LOG_LEVEL", "loud"}});
  REQUIRE_FALSE(config);
  CHECK(config.error().variable == "TRIAL_DAYS");
}

TEST_CASE("process_environment: tells a variable that is set from one that is not") {
  CHECK(process_environment("PATH"));
  CHECK_FALSE(process_environment("REGISTRY_TEST_VARIABLE_THAT_NOBODY_SETS"));
}

}  // namespace
}  // namespace registry
