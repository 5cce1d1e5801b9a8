#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"

namespace registry::test {

// A FastCGI application that answers 200 to everything, but for what a test tells it to leave
// unanswered, and remembers what it was asked.
class Responder {
 public:
  enum class Act { kAnswer, kHangUp };

  struct Seen {
    int connection = 0;  // the first one is 1
    bool keep = false;   // whether the server wants to go on with the connection
    std::map<std::string, std::string> parameters = {};
  };

  // Listens on a Unix socket. `acts` is what it does with the first requests; those that come later
  // are answered.
  Responder(const std::string& path, std::vector<Act> acts);
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // What it was asked so far, in order.
  [[nodiscard]] std::vector<Seen> seen() const;

 private:
  struct Connection {
    int number = 0;
    UniqueFd fd = {};
    std::string bytes = {};
  };

  void work();
  bool read(Connection& connection);
  bool handle(Connection& connection, const Seen& request);

  UniqueFd listener_;
  UniqueFd stop_;
  std::vector<Act> acts_;
  int accepted_ = 0;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace registry::test
