#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

#include <signal.h>

#include "tests/migrate/fixture.h"

// The death of the program, of its session, or of the server, at any moment: the database is at the
// old version or at the new one, clean, and its schema is that of the version.
namespace registry::test {
namespace {

constexpr int kStatements = 10;
// Rounds go on until so many runs were ended in the middle, and at least so many.
constexpr int kInterruptions = 11;
constexpr int kRounds = 50;
constexpr int kMaxRounds = 500;
constexpr const char* kAllTables = "s0 s1 s2 s3 s4 s5 s6 s7 s8 s9";

using Clock = std::chrono::steady_clock;

std::string in_a_while(const std::string& statement) {
  return "DO $$ BEGIN PERFORM pg_sleep(0.002); " + statement + "; END $$;\n";
}

// One migration of ten statements, each of which takes a while, up and down; run again and again,
// and ended at random moments.
class Crash : public Migrate {
 public:
  Crash() : seed_(random_seed()), random_(seed_) {
    for (int i = 0; i < kStatements; ++i) {
      const std::string table = "s" + std::to_string(i);
      up_ += in_a_while("CREATE TABLE " + table + " (id int)");
      down_ += in_a_while("DROP TABLE " + table);
    }
    add("0001_ten.up.sql", up_);
    add("0001_ten.down.sql", down_);
    measure();
  }

  [[nodiscard]] std::uint32_t seed() const { return seed_; }

  // Runs and strikes until enough of the runs were ended in the middle. How many are depends on how
  // fast the machine is at the moment.
  void strike_often(const std::function<void(Run&)>& strike) {
    int round = 0;
    for (; round < kRounds || (interrupted_ < kInterruptions && round < kMaxRounds); ++round) {
      CAPTURE(round);
      run_and_strike(strike);
    }
    CHECK(interrupted_ >= kInterruptions);
  }

  // Runs the migration that is next, lets `strike` end it at a random moment, and checks what is
  // there when all has come to rest.
  void run_and_strike(const std::function<void(Run&)>& strike) {
    const bool is_up = old_ == "empty";
    Run run = start({is_up ? "up" : "down", "1"});
    const Clock::time_point begin = Clock::now();
    const Clock::time_point moment =
        begin + std::uniform_int_distribution<Clock::rep>(0, duration_.count())(random_) *
                    Clock::duration(1);
    wait_until("the moment", [&] { return Clock::now() >= moment; });
    strike(run);
    const int result = run.wait().exit_code;
    // One that was faster than the first: the next strike comes while it would still run.
    if (result == 0) duration_ = std::min(duration_, Clock::now() - begin);
    wait_until("the end of its session", [&] { return database().other_sessions() == 0; });
    check(is_up, result, run.errors());
  }

 private:
  void measure() {
    const Clock::time_point begin = Clock::now();
    REQUIRE(run({"up"}) == exits(0));
    duration_ = Clock::now() - begin;
    REQUIRE(run({"down", "1"}) == exits(0));
    old_ = version();
    old_history_ = database().history();
  }

  void check(bool is_up, int result, const std::string& errors) {
    const std::string now = version();
    CAPTURE(is_up, result, errors, old_, now);
    const std::string aim = is_up ? "1 clean" : "empty";
    CHECK((now == old_ || now == aim));
    CHECK(tables() == (now == "empty" ? "" : kAllTables));
    CHECK((database().history() == old_history_) == (now == old_));
    if (result == 0) CHECK(now == aim);
    interrupted_ += result != 0 ? 1 : 0;
    old_ = now;
    old_history_ = database().history();
  }

  std::string up_;
  std::string down_;
  std::uint32_t seed_;
  std::mt19937 random_;
  Clock::duration duration_{};  // of a whole run
  std::string old_;
  std::string old_history_;
  int interrupted_ = 0;
};

// The letter of a process's state in proc(5); 'X' for one that is gone.
char state_of(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = status.rfind(") ");
  return name_end == std::string::npos ? 'X' : status.at(name_end + 2);
}

// Brings a process to a stop; false when it ended before.
bool stop_process(pid_t pid) {
  if (::kill(pid, SIGSTOP) != 0) return false;
  char state = 'R';
  wait_until("a process to stop or end", [&] {
    state = state_of(pid);
    return state == 'T' || state == 'Z' || state == 'X';
  });
  return state == 'T';
}

}  // namespace

TEST_CASE_METHOD(Crash, "crash: kill -9 at any moment leaves the old version or the new") {
  INFO("TEST_SEED=" << seed());
  strike_often([](Run& run) { run.signal(SIGKILL); });
  CHECK(run({"goto", "1"}) == exits(0));
}

TEST_CASE_METHOD(Crash, "crash: a session terminated at any moment leaves the old or the new") {
  INFO("TEST_SEED=" << seed());
  strike_often([this](Run&) {
    sql("SELECT pg_terminate_backend(pid)" + std::string(Database::kOtherSessions));
  });
  CHECK(run({"goto", "1"}) == exits(0));
}

TEST_CASE_METHOD(Crash, "crash: kill -9 of its server process leaves the old or the new") {
  INFO("TEST_SEED=" << seed());
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    run_and_strike([this](Run&) {
      const std::string pid = sql("SELECT min(pid)" + std::string(Database::kOtherSessions));
      // One that has just ended by itself leaves nothing to kill, and the server up.
      if (pid.empty() || !stop_process(std::stoi(pid))) return;
      ::kill(std::stoi(pid), SIGKILL);
      database().reconnect();
    });
  }
  CHECK(run({"goto", "1"}) == exits(0));
}

TEST_CASE_METHOD(Crash, "crash: a crash of the whole server leaves the old version or the new") {
  INFO("TEST_SEED=" << seed());
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    run_and_strike([this](Run&) {
      shared_cluster().stop(PostgresCluster::Stop::kImmediate);
      shared_cluster().start();
      database().reconnect();
    });
  }
  CHECK(run({"goto", "1"}) == exits(0));
}

TEST_CASE_METHOD(Crash, "crash: a lost session is an error that says so, without a dirty version") {
  add("0002_gate.up.sql", "CREATE TABLE two (id int);\n" + std::string(Gate::kSql));
  REQUIRE(run({"up", "1"}) == exits(0));
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  sql("SELECT pg_terminate_backend(pid)" + std::string(Database::kOtherSessions) +
      " AND state = 'active'");
  CHECK(up.wait() == exits(1));
  CHECK(up.errors() == containing("2/u gate"));
  CHECK(up.errors() == containing("connection"));
  CHECK(version() == "1 clean");
  CHECK(tables() == kAllTables);
}

TEST_CASE_METHOD(Migrate, "crash: kill -9 in a file without a transaction leaves a dirty version") {
  add("0001_outside.up.sql", "-- migrate:no-transaction\nCREATE TABLE a (id int);\n" +
                                 std::string(Gate::kSql) + "CREATE TABLE b (id int);\n");
  Gate gate(database());
  Run up = start({"up"});
  gate.wait_for_arrival();
  up.signal(SIGKILL);
  CHECK(up.wait() == exits(-SIGKILL));
  CHECK(version() == "1 dirty");
  CHECK(tables() == "a");
}

}  // namespace registry::test
