#pragma once

#include <functional>
#include <string>
#include <thread>

#include "common/base/unique_fd.h"

namespace registry::test {

// A web server that answers each request, one after the other, with the bytes that a test gives for
// its path. What it has not answered when it goes is cut off.
class StubServer {
 public:
  // The whole answer to a request for `path`; empty: none ever, the connection stays open. Called
  // in a thread of the server's own.
  using Answer = std::function<std::string(const std::string& path)>;

  explicit StubServer(Answer answer);
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;
  ~StubServer();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve();
  void serve_one(UniqueFd connection);

  const Answer answer_;
  UniqueFd listener_;
  UniqueFd stop_;
  int port_ = 0;
  std::jthread thread_;
};

// An answer with a body.
[[nodiscard]] std::string http_answer(const std::string& body, int status = 200,
                                      const std::string& more_headers = {});

}  // namespace registry::test
