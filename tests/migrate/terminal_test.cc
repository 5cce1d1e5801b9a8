#include "tests/migrate/terminal.h"

#include <regex>

#include "tests/migrate/fixture.h"

// What a person sees and is asked.
namespace registry::test {
namespace {

class AtTerminal : public Migrate {
 public:
  AtTerminal() { add_three(); }

  [[nodiscard]] Process start_at_terminal(const Arguments& arguments) {
    Command command{.arguments = {migrate_path()},
                    .environment = environment_for(database().url()),
                    .standard_input = terminal_.child_end(),
                    .output_path = terminal_.path(),
                    .error_path = terminal_.path()};
    const Arguments all = with_source(arguments);
    command.arguments.insert(command.arguments.end(), all.begin(), all.end());
    return Process(command);
  }

  // Answers what `down` asks, and gives its exit code.
  [[nodiscard]] int answer_down(const std::string& answer) {
    const std::size_t before = screen().size();
    Process down = start_at_terminal({"down"});
    wait_for("[y/N]", before);
    terminal_.type(answer);
    return down.wait();
  }

  [[nodiscard]] const std::string& screen() { return terminal_.screen(); }
  // Returns once the text is on the screen behind its first `start` bytes.
  void wait_for(const std::string& text, std::size_t start) {
    wait_until("on the screen: " + text,
               [&] { return screen().find(text, start) != std::string::npos; });
  }

 private:
  Terminal terminal_;
};

}  // namespace

TEST_CASE_METHOD(AtTerminal, "down: asks on a terminal, and y rolls everything back") {
  REQUIRE(run({"up"}) == exits(0));
  const std::string answer = GENERATE(as<std::string>(), "y\n", "Y\n");
  CAPTURE(answer);
  CHECK(answer_down(answer) == 0);
  CHECK(version() == "empty");
  CHECK(tables().empty());
}

TEST_CASE_METHOD(AtTerminal, "down: any answer but y changes nothing, the end of input included") {
  REQUIRE(run({"up"}) == exits(0));
  for (const std::string answer : {"n\n", "\n", "x\n", "\x04"}) {
    CAPTURE(answer);
    CHECK(answer_down(answer) == 1);
    CHECK(version() == "3 clean");
    CHECK(tables() == "one three two");
  }
}

TEST_CASE_METHOD(AtTerminal, "down N and down -all: ask nothing on a terminal") {
  REQUIRE(run({"up"}) == exits(0));
  Process one = start_at_terminal({"down", "1"});
  CHECK(one.wait() == 0);
  CHECK(version() == "2 clean");
  Process all = start_at_terminal({"down", "-all"});
  CHECK(all.wait() == 0);
  CHECK(version() == "empty");
  CHECK_FALSE(screen() == containing("[y/N]"));
}

TEST_CASE_METHOD(AtTerminal, "up: each migration is a line with its duration") {
  Process up = start_at_terminal({"up"});
  CHECK(up.wait() == 0);
  for (const char* line :
       {R"(1/u one \(\d+ ms\))", R"(2/u two \(\d+ ms\))", R"(3/u three \(\d+ ms\))"}) {
    CAPTURE(line, screen());
    CHECK(std::regex_search(screen(), std::regex(line)));
  }
}

TEST_CASE_METHOD(AtTerminal, "up: one that takes long is named while it runs") {
  add("0004_long.up.sql", Gate::kSql);
  REQUIRE(run({"up", "3"}) == exits(0));
  Gate gate(database());
  Process up = start_at_terminal({"up"});
  wait_for("4/u long", 0);
  CHECK(up.is_running());
  gate.open();
  CHECK(up.wait() == 0);
  CHECK(version() == "4 clean");
}

}  // namespace registry::test
