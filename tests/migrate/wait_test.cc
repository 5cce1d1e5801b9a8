#include <signal.h>

#include "tests/migrate/fixture.h"

// `wait`, before a server that is there, is not, or is about to be.
namespace registry::test {
namespace {

// The shared server, down for a while.
class Outage {
 public:
  Outage() { shared_cluster().stop(); }
  Outage(const Outage&) = delete;
  Outage& operator=(const Outage&) = delete;
  ~Outage() { end(); }

  void end() {
    if (!shared_cluster().is_running()) shared_cluster().start();
  }
};

}  // namespace

TEST_CASE("wait: returns at once when the database answers") {
  const Output result = run_migrate({"wait"}, environment_for(shared_cluster().url()));
  CHECK(result == exits(0));
  CHECK(result.output.empty());
}

TEST_CASE("wait: returns when a server that was down answers") {
  Outage outage;
  Run wait({"wait", "--timeout", "60s"}, shared_cluster().url());
  CHECK(wait.is_running());
  outage.end();
  CHECK(wait.wait() == exits(0));
}

TEST_CASE("wait: gives up after its timeout, and says so") {
  const Outage outage;
  const Output result =
      run_migrate({"wait", "--timeout", "200ms"}, environment_for(shared_cluster().url()));
  CHECK(result == exits(1));
  CHECK_FALSE(result.errors.empty());
}

TEST_CASE("up: without a server is an error at once") {
  const Outage outage;
  const Output result = run_migrate({"up"}, environment_for(shared_cluster().url()));
  CHECK(result == exits(1));
  CHECK(result.errors == containing("error"));
}

TEST_CASE("wait: a signal ends it") {
  const Outage outage;
  Run wait({"wait", "--timeout", "10m"}, shared_cluster().url());
  wait.signal(SIGTERM);
  CHECK(wait.wait().exit_code != 0);
}

TEST_CASE("wait: a server that takes connections and answers nothing is given up in time") {
  const PgBouncer bouncer(shared_cluster(), 1);
  Session holder(bouncer.url("postgres"));
  holder.sql("BEGIN");
  const Output result =
      run_migrate({"wait", "--timeout", "300ms"}, environment_for(bouncer.url("postgres")));
  CHECK(result == exits(1));
  CHECK(result.errors == containing("timeout"));
  holder.sql("ROLLBACK");
}

}  // namespace registry::test
