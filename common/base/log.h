#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace registry {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

[[nodiscard]] std::string_view to_string(LogLevel level);
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text);

// One answered request, as operators see it: no bodies, no query, no keys. The caller keeps the
// texts short: a line stays below PIPE_BUF.
struct RequestRecord {
  std::string_view request_id;
  std::string_view method;
  std::string_view route;  // the template, not the path
  int status = 0;
  std::int64_t duration_us = 0;
  std::int64_t store_us = 0;  // of which it waited for the store
  // What is empty is left out.
  std::string_view trace_id = {};
  std::string_view principal = {};  // the id of whoever calls
  std::string_view tenant = {};     // the id of the tenant that it is about
};

// Writes JSON lines to a file descriptor, each with one write(2), so that lines of several
// threads and processes do not mix. Thread-safe. A line that cannot be written is dropped.
class Log {
 public:
  // `function` names the process in each line. `clock` must outlive the log.
  Log(LogLevel threshold, std::string function, const Clock& clock, int fd = 2);

  void message(LogLevel level, std::string_view text, std::string_view request_id = {}) const;
  // Level error for a status of 500 or above, info otherwise.
  void request(const RequestRecord& record) const;

 private:
  void write_line(std::string line) const;

  LogLevel threshold_;
  std::string function_;
  const Clock& clock_;
  int fd_;
};

}  // namespace registry
