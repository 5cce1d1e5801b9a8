#include "migrations/status.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>

#include "common/base/json_writer.h"
#include "migrations/duration.h"

namespace registry::migrate {
namespace {

std::string_view state_name(const StatusLine& line) {
  if (line.is_dirty) return "dirty";
  return line.is_applied ? "applied" : "pending";
}

std::string remarks(const StatusLine& line) {
  std::string text(state_name(line));
  if (line.applied_at) text += " " + line.applied_at->to_string();
  if (line.duration_us) {
    text += " (" + format_duration(std::chrono::microseconds{*line.duration_us}) + ")";
  }
  if (line.is_applied && !line.is_dirty && !line.applied_at) text += " at an unknown time";
  if (line.is_out_of_order) text += ", out of order";
  if (line.is_edited) text += ", edited since";
  if (line.is_missing) text += ", missing from this program";
  return text;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

std::vector<StatusLine> status_lines(const State& state, const Source& source) {
  std::map<std::int64_t, StatusLine> lines;
  for (const Migration& migration : source.migrations()) {
    StatusLine& line = lines[migration.version];
    line.version = migration.version;
    line.name = migration.name;
    line.is_out_of_order = migration.version < state.version;
    line.is_edited = is_edited(state, migration);
  }
  for (const std::int64_t version : applied_versions(state, source)) {
    StatusLine& line = lines[version];
    line.version = version;
    line.is_applied = true;
    line.is_out_of_order = false;
    line.is_dirty = state.dirty && version == state.version;
    line.is_missing = source.find(version) == nullptr;
    const HistoryRow* row = find_history(state, version);
    if (row == nullptr) continue;
    if (line.is_missing) line.name = row->name;
    line.applied_at = row->applied_at;
    line.duration_us = row->duration_us;
  }
  std::vector<StatusLine> ordered;
  for (auto& [version, line] : lines) ordered.push_back(std::move(line));
  return ordered;
}

std::int64_t pending_count(const std::vector<StatusLine>& lines) {
  return std::count_if(lines.begin(), lines.end(),
                       [](const StatusLine& line) { return !line.is_applied; });
}

std::string status_text(const std::vector<StatusLine>& lines) {
  std::size_t version_width = 0;
  std::size_t name_width = 0;
  for (const StatusLine& line : lines) {
    version_width = std::max(version_width, std::to_string(line.version).size());
    name_width = std::max(name_width, line.name.size());
  }
  std::string text;
  for (const StatusLine& line : lines) {
    text += padded(std::to_string(line.version), version_width) + "  " +
            padded(line.name, name_width) + "  " + remarks(line) + "\n";
  }
  return text;
}

std::string status_json(const State& state, const std::vector<StatusLine>& lines) {
  constexpr std::int64_t kMicrosecondsPerMillisecond = 1000;
  JsonWriter json;
  json.begin_object();
  json.key("version");
  if (state.version == kNoVersion) {
    json.null();
  } else {
    json.value(state.version);
  }
  json.member("dirty", state.dirty).member("pending", pending_count(lines));
  json.key("migrations").begin_array();
  for (const StatusLine& line : lines) {
    json.begin_object().member("version", line.version).member("name", line.name);
    json.member("state", state_name(line));
    json.member("applied_at",
                line.applied_at ? std::optional(line.applied_at->to_string()) : std::nullopt);
    json.key("duration_ms");
    if (line.duration_us) {
      json.value(*line.duration_us / kMicrosecondsPerMillisecond);
    } else {
      json.null();
    }
    json.member("edited", line.is_edited).member("missing", line.is_missing);
    json.member("out_of_order", line.is_out_of_order).end_object();
  }
  json.end_array().end_object();
  return json.str() + "\n";
}

}  // namespace registry::migrate
