#include "common/base/log.h"

#include <array>
#include <utility>

#include <unistd.h>

#include "common/base/json_writer.h"
#include "common/base/utf8.h"

namespace registry {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

// A line stays below PIPE_BUF (4,096 bytes on Linux), up to which a write to a pipe is atomic.
constexpr std::size_t kMessageLimitBytes = 1024;

}  // namespace

std::string_view to_string(LogLevel level) {
  return kLevelNames.at(static_cast<std::size_t>(level));
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames.at(i) == text) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

Log::Log(LogLevel threshold, std::string function, const Clock& clock, int fd)
    : threshold_(threshold), function_(std::move(function)), clock_(clock), fd_(fd) {}

void Log::message(LogLevel level, std::string_view text, std::string_view request_id) const {
  if (level < threshold_) return;
  JsonWriter json;
  json.begin_object()
      .member("time", clock_.now().to_string())
      .member("level", to_string(level))
      .member("function", function_);
  if (!request_id.empty()) json.member("request_id", request_id);
  json.member("msg", sanitized_text(text, kMessageLimitBytes)).end_object();
  write_line(json.str());
}

void Log::request(const RequestRecord& record) const {
  const LogLevel level = record.status >= 500 ? LogLevel::kError : LogLevel::kInfo;
  if (level < threshold_) return;
  JsonWriter json;
  json.begin_object()
      .member("time", clock_.now().to_string())
      .member("level", to_string(level))
      .member("function", function_)
      .member("request_id", record.request_id);
  if (!record.trace_id.empty()) json.member("trace_id", record.trace_id);
  json.member("method", record.method)
      .member("route", record.route)
      .member("status", std::int64_t{record.status})
      .member("duration_us", record.duration_us)
      .member("store_us", record.store_us);
  if (!record.principal.empty()) json.member("principal", record.principal);
  if (!record.tenant.empty()) json.member("tenant", record.tenant);
  json.end_object();
  write_line(json.str());
}

void Log::write_line(std::string line) const {
  line.push_back('\n');
  // There is nowhere to report a log that cannot be written.
  [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
}

}  // namespace registry
