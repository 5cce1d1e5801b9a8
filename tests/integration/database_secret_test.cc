#include "tests/integration/database_fault.h"

// The database's URL holds a password, which nobody learns from us.
namespace registry::test {
namespace {

constexpr const char* kRole = "registry_app";
// Of letters, since logs are full of numbers that mean something else.
constexpr const char* kPassword = "open-Sesame-quickly";

// Makes the server ask the role for its password.
void require_password(const OwnDatabase& database) {
  const std::string role = kRole;
  const std::string rules = database.value("SHOW hba_file");
  database.cluster.sql(database.name,
                       "CREATE ROLE " + role + " LOGIN PASSWORD '" + kPassword + "';" +
                           "GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role + ";" +
                           "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO " + role + ";" +
                           "COPY (VALUES ('host all " + role + " all scram-sha-256')," +
                           "('local all all trust'), ('host all all all trust')) TO '" + rules +
                           "'; SELECT pg_reload_conf()");
}

std::string everything_in(const HttpResponse& response) {
  std::string all = response.body;
  for (const auto& [name, value] : response.headers) all += name + ": " + value + "\n";
  return all;
}

// Calls every operation and gives all that was answered.
std::string all_answers(Service& service) {
  HttpClient client = service.client();
  std::string all;
  for (const Call& call : calls_of_every_operation()) {
    all += everything_in(client.send(call.request));
  }
  return all;
}

void require_no_secret(const std::string& text) {
  REQUIRE_FALSE(text.empty());
  for (const std::string& secret :
       {std::string(kPassword), std::string("open-"), std::string("-quickly"),
        std::string("postgresql://"), std::string(kRole) + ":"}) {
    CAPTURE(secret);
    REQUIRE(text.find(secret) == std::string::npos);
  }
}

}  // namespace

TEST_CASE("database URL: neither it nor its password is in an answer or a log, whatever goes wrong",
          "[postgres]") {
  OwnDatabase database;
  require_password(database);
  Service service(
      Environment{{"DATABASE_URL", std::string("postgresql://") + kRole + ":" + kPassword + "@" +
                                       database.cluster.tcp_address() + "/" + database.name},
                  {"LOG_LEVEL", "debug"}});
  HttpClient client = service.client();
  REQUIRE(client.get("/readyz").status == 200);
  std::string answers = all_answers(service);
  // Refused: the password has changed.
  database.cluster.sql(database.name, std::string("ALTER ROLE ") + kRole +
                                          " PASSWORD 'another';"
                                          "SELECT pg_terminate_backend(pid, 10000)"
                                          " FROM pg_stat_activity WHERE usename = '" +
                                          kRole + "'");
  REQUIRE(unready_detail(client) == "There is no connection to the database.");
  REQUIRE(service.log_of("health_ready").find("password authentication failed") !=
          std::string::npos);
  answers += all_answers(service);
  // Away.
  database.cluster.stop();
  answers += all_answers(service);
  require_no_secret(answers);
  require_no_secret(service.all_logs());
  // The log says which server and account; an answer does not.
  REQUIRE(answers.find(kRole) == std::string::npos);
  // The trail shows the address of the client, which is the same here.
  REQUIRE(answers.find("127.0.0.1\", port") == std::string::npos);
  REQUIRE(answers.find(database.cluster.tcp_address()) == std::string::npos);
}

TEST_CASE("database URL: one that cannot be read is refused without a word of it", "[postgres]") {
  const std::string account = std::string("postgresql://") + kRole + ":";
  const std::string url =
      GENERATE_COPY(account + kPassword + "@[::1/x", account + "an@" + kPassword + "@::1/x",
                    account + "a/" + kPassword + "@::1/x");
  const Output output = run_program({.arguments = {build_folder() + "/functions/tenant_get"},
                                     .environment = {{"DATABASE_URL", url}}});
  REQUIRE(output.exit_code == 78);
  REQUIRE(output.errors.starts_with("tenant_get: DATABASE_URL: "));
  require_no_secret(output.errors);
}

}  // namespace registry::test
