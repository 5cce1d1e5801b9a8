#pragma once

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace registry::test {

using Environment = std::map<std::string, std::string>;

struct Command {
  std::vector<std::string> arguments;  // the first is the path of the program
  Environment environment = {};        // in place of the test's own, but for PATH
  int standard_input = -1;             // a descriptor to become descriptor 0; -1: /dev/null
  std::string output_path = {};        // where descriptor 1 goes; empty: /dev/null
  std::string error_path = {};         // where descriptor 2 goes, appended; empty: /dev/null
};

// A child process; killed, if it still runs, with its owner.
class Process {
 public:
  explicit Process(const Command& command);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  // True while it has not ended.
  [[nodiscard]] bool is_running();
  // Waits for its end within kPatience: the exit code, or minus the number of the signal.
  [[nodiscard]] int wait();

 private:
  pid_t pid_ = -1;
  bool has_ended_ = false;
  int result_ = 0;
};

struct Output {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

// Runs a program to its end. `standard_input` is given to it in a file.
[[nodiscard]] Output run_program(const Command& command, const std::string& standard_input = {});

// The whole content of a file; empty when there is none.
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);

}  // namespace registry::test
