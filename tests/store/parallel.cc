#include "tests/store/parallel.h"

#include <array>
#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace registry::test {
namespace {

constexpr int kExitThrown = 255;

[[noreturn]] void throw_system_error(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

void close_once(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

ChildProcess::ChildProcess(const std::function<int()>& work) : pid_(::fork()) {
  if (pid_ < 0) throw_system_error("fork");
  if (pid_ > 0) return;
  int status = kExitThrown;
  try {
    status = work();
  } catch (const std::exception& error) {
    const std::string line = std::string("child process: ") + error.what() + "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  // Not exit(): what the parent has set up is the parent's to take down.
  ::_exit(status);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ChildProcess::~ChildProcess() {
  kill();
}

int ChildProcess::wait() noexcept {
  int status = 0;
  const pid_t pid = std::exchange(pid_, -1);
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ChildProcess::kill() noexcept {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

std::vector<int> run_in_processes(int count, const std::function<int(int)>& work) {
  Pipe gate;
  std::vector<ChildProcess> children;
  for (int i = 0; i < count; ++i) {
    children.emplace_back([&, i] {
      gate.close_writer();
      [[maybe_unused]] const bool opened = gate.read_byte();  // returns when the parent closes
      return work(i);
    });
  }
  gate.close_writer();
  std::vector<int> statuses;
  for (auto& child : children) statuses.push_back(child.wait());
  return statuses;
}

Pipe::Pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw_system_error("pipe");
  reader_ = ends[0];
  writer_ = ends[1];
}

Pipe::~Pipe() {
  close_reader();
  close_writer();
}

void Pipe::close_writer() {
  close_once(writer_);
}

void Pipe::close_reader() {
  close_once(reader_);
}

void Pipe::write_byte() const {
  if (::write(writer_, "x", 1) != 1) throw_system_error("write");
}

bool Pipe::read_byte() const {
  char byte = 0;
  return ::read(reader_, &byte, 1) == 1;
}

}  // namespace registry::test
