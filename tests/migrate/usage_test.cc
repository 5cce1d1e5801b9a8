#include <filesystem>

#include "tests/migrate/fixture.h"
#include "tests/support/service.h"

// The command line and the address of the database, before anything is done.
namespace registry::test {
namespace {

// Nothing answers here.
constexpr const char* kNobody = "postgresql://somebody@127.0.0.1:1/nothing";

Output run_without_database(const Arguments& arguments) {
  return run_migrate(arguments, {});
}

}  // namespace

TEST_CASE("usage: a missing or an unknown command exits 2 with the usage on stderr") {
  for (const Arguments& arguments : {Arguments{}, Arguments{"upp"}, Arguments{""}}) {
    const Output result = run_migrate(arguments, environment_for(kNobody));
    CHECK(result == exits(2));
    CHECK(result.output.empty());
    CHECK(result.errors == containing("sage"));
  }
}

TEST_CASE("usage: an unknown flag exits 2, before or after the command") {
  for (const Arguments& arguments :
       {Arguments{"--fast", "up"}, Arguments{"up", "--fast"}, Arguments{"down", "--al"},
        Arguments{"-x"}, Arguments{"version", "--json-lines"}}) {
    const Output result = run_migrate(arguments, environment_for(kNobody));
    CAPTURE(arguments);
    CHECK(result == exits(2));
    CHECK(result.output.empty());
    CHECK(result.errors == containing("sage"));
  }
}

TEST_CASE_METHOD(Migrate, "usage: flags may stand before or after the command") {
  add_three();
  const Environment environment = environment_for(database().url());
  CHECK(run_migrate({"--source", folder(), "--lock-timeout", "5s", "up", "1"}, environment) ==
        exits(0));
  CHECK(run_migrate({"--source", folder(), "up", "1", "--lock-timeout", "5s"}, environment) ==
        exits(0));
  CHECK(run_migrate({"up", "--source", folder(), "1"}, environment) == exits(0));
  CHECK(version() == "3 clean");
  CHECK(run_migrate({"--source", folder(), "force", "-1"}, environment) == exits(0));
  CHECK(version() == "empty");
}

TEST_CASE_METHOD(Migrate, "usage: a flag may be joined to its value") {
  add_three();
  CHECK(run_migrate({"--source=" + folder(), "up", "--lock-timeout=5s"},
                    environment_for(database().url())) == exits(0));
  CHECK(version() == "3 clean");
}

TEST_CASE_METHOD(Migrate, "usage: a number that cannot be read exits 1 and says so") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  for (const Arguments& arguments :
       {Arguments{"up", "x"}, Arguments{"up", "1x"}, Arguments{"up", "1.5"}, Arguments{"up", ""},
        Arguments{"up", "99999999999999999999"}, Arguments{"down", "x"}, Arguments{"goto", "x"},
        Arguments{"force", "x"}}) {
    CAPTURE(arguments);
    const Output result = run(arguments);
    CHECK(result == exits(1));
    CHECK(result.output.empty());
    CHECK(result.errors == containing("error: can't read"));
  }
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Migrate, "usage: force of less than -1 exits 1 and says what is wrong") {
  add_three();
  REQUIRE(run({"up", "2"}) == exits(0));
  const Output result = run({"force", "-2"});
  CHECK(result == exits(1));
  CHECK(result.errors == containing("error: "));
  CHECK(version() == "2 clean");
}

TEST_CASE("usage: --help names every command and flag and needs no database") {
  const Output result = run_without_database({"--help"});
  CHECK(result == exits(0));
  for (const char* word : {"up",
                           "down",
                           "goto",
                           "version",
                           "force",
                           "status",
                           "plan",
                           "validate",
                           "wait",
                           "roles",
                           "create",
                           "--lock-timeout",
                           "--statement-timeout",
                           "--source",
                           "--allow-out-of-order",
                           "--accept-newer",
                           "--prefix",
                           "--print",
                           "--version",
                           "--help",
                           "DATABASE_URL",
                           "DATABASE_URL_FILE"}) {
    CHECK(result.output == containing(word));
  }
}

TEST_CASE("usage: --version prints the version of the release and needs no database") {
  const Output result = run_without_database({"--version"});
  CHECK(result == exits(0));
  const std::string file = read_file(source_folder() + "/VERSION");
  CHECK(result.output == containing(file.substr(0, file.find('\n'))));
}

TEST_CASE("DATABASE_URL: missing or empty is an error that names it") {
  for (const Environment& environment : {Environment{}, Environment{{"DATABASE_URL", ""}}}) {
    for (const char* command : {"up", "version", "status", "plan", "validate"}) {
      CAPTURE(command);
      const Output result = run_migrate({command}, environment);
      CHECK(result == exits(1));
      CHECK(result.output.empty());
      CHECK(result.errors == containing("DATABASE_URL"));
    }
  }
}

TEST_CASE_METHOD(Migrate, "DATABASE_URL_FILE: the URL may be in a file, which commands then use") {
  add_three();
  const std::string file = folder() + "/url";
  const Environment environment{{"DATABASE_URL_FILE", file}};
  for (const char* end : {"", "\n"}) {
    write_file(file, database().url() + end);
    CHECK(run_migrate({"up", "1", "--source", folder()}, environment) == exits(0));
  }
  CHECK(version() == "2 clean");
  CHECK(run_migrate({"wait"}, environment) == exits(0));
}

TEST_CASE("DATABASE_URL_FILE: unusable, or set besides DATABASE_URL, exits 1 and says why") {
  const TempFolder folder;
  const std::string file = folder.path() + "/url";
  const Environment environment{{"DATABASE_URL_FILE", file}};
  CHECK(run_migrate({"up"}, environment).errors ==
        "error: DATABASE_URL_FILE: can't read " + file + ": No such file or directory\n");
  write_file(file, "\n");
  CHECK(run_migrate({"version"}, environment).errors ==
        "error: DATABASE_URL_FILE: " + file + " is empty\n");
  write_file(file, "postgresql://somebody:pass-word-7@[::1/nothing");
  const Output malformed = run_migrate({"up"}, environment);
  CHECK(malformed == exits(1));
  CHECK_FALSE(malformed.errors == containing("pass-word-7"));
  const Output both = run_migrate({"up"}, {{"DATABASE_URL_FILE", file}, {"DATABASE_URL", kNobody}});
  CHECK(both == exits(1));
  CHECK(both.errors == "error: DATABASE_URL_FILE: must not be set together with DATABASE_URL\n");
}

TEST_CASE("DATABASE_URL: malformed or unreachable exits 1 and keeps the password to itself") {
  const std::string url =
      GENERATE(as<std::string>(), "postgresql://somebody:pass-word-7@127.0.0.1:1/nothing",
               "postgresql://somebody:pass-word-7@127.0.0.1:port/nothing",
               "postgresql://somebody:pass-word-7@[::1/nothing",
               "postgresql://somebody:pass-word-7%zz@127.0.0.1:1/nothing",
               "postgresql://somebody@127.0.0.1:1/nothing?password=pass-word-7&surprise=1",
               "host=127.0.0.1 port=1 user=somebody password=pass-word-7 dbname=nothing",
               "host=127.0.0.1 port=1 user=somebody password='pass-word-7",
               "host=127.0.0.1 port=1 surprise=1 password=pass-word-7",
               "postgres:somebody:pass-word-7@127.0.0.1/nothing", "pass-word-7");
  CAPTURE(url);
  const Output result = run_migrate({"up"}, environment_for(url));
  CHECK(result == exits(1));
  CHECK(result.output.empty());
  CHECK_FALSE(result.errors.empty());
  CHECK_FALSE(result.errors == containing("pass-word-7"));
}

TEST_CASE("DATABASE_URL: a database that does not exist is an error that names it") {
  const Output result = run_migrate({"up"}, environment_for(shared_cluster().url("no_such_one")));
  CHECK(result == exits(1));
  CHECK(result.errors == containing("no_such_one"));
}

TEST_CASE_METHOD(Migrate, "DATABASE_URL: may be a conninfo, and addressed by TCP") {
  add_three();
  const std::string user = sql("SELECT current_user");
  const std::string conninfo = "host=" + shared_cluster().socket_folder() +
                               " port=" + std::to_string(shared_cluster().port()) +
                               " user=" + user + " dbname=" + database().name();
  CHECK(run_migrate({"up", "1", "--source", folder()}, environment_for(conninfo)) == exits(0));
  CHECK(version() == "1 clean");
  const std::string tcp =
      "postgres://" + user + "@" + shared_cluster().tcp_address() + "/" + database().name();
  CHECK(run_migrate({"up", "1", "--source", folder()}, environment_for(tcp)) == exits(0));
  CHECK(version() == "2 clean");
}

TEST_CASE_METHOD(Migrate, "--source: a folder that does not exist is an error that names it") {
  const Output result =
      run_migrate({"up", "--source", "/no/such/folder"}, environment_for(database().url()));
  CHECK(result == exits(1));
  CHECK(result.errors == containing("/no/such/folder"));
  CHECK(tables().empty());
}

TEST_CASE("usage: --help shows the arguments of each command") {
  const std::string help = run_without_database({"--help"}).output;
  for (const char* line :
       {"  up [N] ", "  down N | -all ", "  goto V ", "  force V ", "  plan [up N|down N|goto V]",
        "  status [--json] ", "  wait [--timeout 60s] ", "  roles [--prefix P] [--print]",
        "  create NAME "}) {
    CHECK(help == containing(line));
  }
}

}  // namespace registry::test
