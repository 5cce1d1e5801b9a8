#pragma once

#include <memory>
#include <string>

#include <libpq-fe.h>

namespace registry::test {

// A session of the test's own, apart from the code under test.
class Session {
 public:
  explicit Session(const std::string& url);

  // The rows of a script's last statement that has any, as psql writes them unaligned: fields
  // joined by "|", rows by a line feed, NULL as nothing. Throws with the server's message on an
  // error.
  std::string sql(const std::string& script);
  // Sends a script and returns at once; ask for nothing else before has_answered().
  void start(const std::string& script);
  // Whether the script that start() sent has ended, well or not.
  [[nodiscard]] bool has_answered();
  // The process of the server that serves this session.
  [[nodiscard]] int backend_pid() const;

 private:
  struct Finish {
    void operator()(PGconn* connection) const { ::PQfinish(connection); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace registry::test
