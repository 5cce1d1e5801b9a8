#include "common/fcgi/cgi_request.h"

#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "tests/support/catch.h"

namespace registry::fcgi {
namespace {

using CgiVariables = std::map<std::string, std::string>;

http::Request read(const CgiVariables& variables, std::size_t body_bytes = 0) {
  return read_request(
      [&](const char* name) -> std::string_view {
        const auto found = variables.find(name);
        return found == variables.end() ? std::string_view() : std::string_view(found->second);
      },
      body_bytes);
}

TEST_CASE("read_request: each member comes from its variable") {
  const http::Request request = read({{"REQUEST_ID", "id-1"},
                                      {"REQUEST_METHOD", "POST"},
                                      {"REQUEST_URI", "/v1/x%20y?a=b"},
                                      {"CONTENT_TYPE", "application/json"},
                                      {"HTTP_IF_NONE_MATCH", "\"tag\""},
                                      {"HTTP_ACCEPT", "text/csv"},
                                      {"HTTP_IDEMPOTENCY_KEY", "key-1"},
                                      {"HTTP_USER_AGENT", "curl"},
                                      {"REMOTE_ADDR", "192.0.2.1"}});
  CHECK(request.id == "id-1");
  CHECK(request.method == "POST");
  CHECK(request.target == "/v1/x%20y?a=b");
  CHECK(request.content_type == "application/json");
  CHECK(request.if_none_match == "\"tag\"");
  CHECK(request.accept == "text/csv");
  CHECK(request.idempotency_key == "key-1");
  CHECK(request.user_agent == "curl");
  CHECK(request.remote_address == "192.0.2.1");
  CHECK(request.body.empty());
  CHECK_FALSE(request.body_too_large);
  CHECK_FALSE(request.body_truncated);
}

TEST_CASE("read_request: what was not sent is empty") {
  const http::Request request = read({});
  CHECK(request.id.empty());
  CHECK(request.method.empty());
  CHECK(request.target.empty());
  CHECK_FALSE(request.body_truncated);
}

TEST_CASE("read_request: a body is truncated when fewer bytes came than were promised") {
  CHECK(read({{"CONTENT_LENGTH", "10"}}, 9).body_truncated);
  CHECK(read({{"CONTENT_LENGTH", "1"}}, 0).body_truncated);
  CHECK_FALSE(read({{"CONTENT_LENGTH", "10"}}, 10).body_truncated);
  CHECK_FALSE(read({{"CONTENT_LENGTH", "0"}}, 0).body_truncated);
  CHECK_FALSE(read({{"CONTENT_LENGTH", ""}}, 10).body_truncated);
}

struct CgiRun {
  int exit_code = -1;
  std::string output;
};

// What serve_cgi() writes for the environment and the standard input, in a process of its own.
CgiRun run_cgi(const CgiVariables& variables, const std::string& input, std::size_t limit_bytes) {
  const UniqueFd in(::memfd_create("input", MFD_CLOEXEC));
  const UniqueFd out(::memfd_create("output", MFD_CLOEXEC));
  REQUIRE(::pwrite(in.get(), input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::clearenv();
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    const Handler echo = [](const http::Request& request) {
      return Reply{.head = request.method + " " + request.target +
                           (request.body_too_large ? " large" : "") +
                           (request.body_truncated ? " truncated" : "") + "\r\n\r\n",
                   .body = request.body};
    };
    ::_exit(serve_cgi(echo, limit_bytes) ? 0 : 1);
  }
  CgiRun run;
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) run.exit_code = WEXITSTATUS(status);
  std::array<char, 4096> piece{};
  ssize_t count = 0;
  while ((count = ::pread(out.get(), piece.data(), piece.size(),
                          static_cast<off_t>(run.output.size()))) > 0) {
    run.output.append(piece.data(), static_cast<std::size_t>(count));
  }
  return run;
}

TEST_CASE("serve_cgi: answers the request of the environment") {
  const CgiRun run =
      run_cgi({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/v1/catalog"}}, "ignored", 100);
  CHECK(run.exit_code == 0);
  CHECK(run.output == "GET /v1/catalog\r\n\r\n");
}

TEST_CASE("serve_cgi: reads as much of the body as is promised, and no more") {
  const CgiRun run =
      run_cgi({{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/x"}, {"CONTENT_LENGTH", "4"}},
              "bodyrest", 100);
  CHECK(run.output == "POST /x\r\n\r\nbody");
}

TEST_CASE("serve_cgi: a body that breaks off is told as such") {
  const CgiRun run = run_cgi(
      {{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/x"}, {"CONTENT_LENGTH", "5"}}, "body", 100);
  CHECK(run.output == "POST /x truncated\r\n\r\nbody");
}

TEST_CASE("serve_cgi: a body over the limit is told as such, and is not a truncated one") {
  const CgiRun at_limit = run_cgi(
      {{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/x"}, {"CONTENT_LENGTH", "4"}}, "body", 4);
  CHECK(at_limit.output == "POST /x\r\n\r\nbody");
  const CgiRun over = run_cgi(
      {{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/x"}, {"CONTENT_LENGTH", "5"}}, "body!", 4);
  CHECK(over.output == "POST /x large\r\n\r\nbody");
}

TEST_CASE("serve_cgi: a large body arrives whole") {
  const std::string body(300'000, 'x');
  const CgiRun run =
      run_cgi({{"REQUEST_METHOD", "POST"}, {"REQUEST_URI", "/x"}, {"CONTENT_LENGTH", "300000"}},
              body, 300'000);
  CHECK(run.output == "POST /x\r\n\r\n" + body);
}

}  // namespace
}  // namespace registry::fcgi
