#include "tests/support/process.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

UniqueFd open_or_null(const std::string& path, int flags) {
  UniqueFd fd(::open(path.empty() ? "/dev/null" : path.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd) throw std::system_error(errno, std::generic_category(), "open " + path);
  return fd;
}

}  // namespace

Process::Process(const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  Environment variables = command.environment;
  variables.emplace("PATH", std::getenv("PATH"));
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const UniqueFd null_input = open_or_null("", O_RDONLY);
  const UniqueFd output = open_or_null(command.output_path, O_WRONLY | O_CREAT | O_TRUNC);
  const UniqueFd errors = open_or_null(command.error_path, O_WRONLY | O_CREAT | O_APPEND);
  const int input = command.standard_input >= 0 ? command.standard_input : null_input.get();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    ::dup2(input, STDIN_FILENO);
    ::dup2(output.get(), STDOUT_FILENO);
    ::dup2(errors.get(), STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), has_ended_(other.has_ended_), result_(other.result_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(has_ended_, other.has_ended_);
  std::swap(result_, other.result_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0 || !is_running()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const {
  if (has_ended_ || ::kill(pid_, number) != 0) throw std::runtime_error("no process to signal");
}

bool Process::is_running() {
  if (has_ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) {
    has_ended_ = true;
    result_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  return !has_ended_;
}

int Process::wait() {
  wait_until("the end of a process", [&] { return !is_running(); });
  return result_;
}

Output run_program(const Command& command, const std::string& standard_input) {
  const TempFolder folder;
  Command redirected = command;
  redirected.output_path = folder.path() + "/output";
  redirected.error_path = folder.path() + "/errors";
  write_file(folder.path() + "/input", standard_input);
  const UniqueFd input(::open((folder.path() + "/input").c_str(), O_RDONLY | O_CLOEXEC));
  redirected.standard_input = input.get();
  Process process(redirected);
  const int exit_code = process.wait();
  return {.exit_code = exit_code,
          .output = read_file(redirected.output_path),
          .errors = read_file(redirected.error_path)};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace registry::test
