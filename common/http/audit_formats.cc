#include "common/http/audit_formats.h"

#include <array>
#include <charconv>
#include <initializer_list>
#include <stdexcept>

#include "common/base/ascii.h"
#include "common/base/json_writer.h"
#include "common/http/render.h"
#include "common/http/retraced.h"

namespace registry::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

constexpr std::array<std::string_view, 16> kCsvColumns = {
    "id",         "created_at", "tenant_id", "project_id",  "actor_id",    "actor_name",
    "actor_type", "action",     "target_id", "target_type", "target_name", "product",
    "source_ip",  "user_agent", "metadata",  "retraced"};

// The q of a media range's parameters, 1 where there is none; 0 where it is no number.
double quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = take_until(parameters, ';');
    if (trimmed(take_until(value, '=')) != "q") continue;
    value = trimmed(value);
    double quality = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quality);
    return error == std::errc() && end == value.data() + value.size() ? quality : 0;
  }
  return 1;
}

bool begins_formula(char c) {
  return c == '=' || c == '+' || c == '-' || c == '@';
}

bool may_end_cell(char c) {
  return c == ';' || c == '\t' || c == '\r' || c == '\n';
}

void append_cell(std::string& text, std::string_view cell) {
  text.push_back('"');
  char before = '\n';
  for (std::size_t i = 0; i < cell.size(); ++i) {
    const char c = cell[i];
    if (may_end_cell(before) && (begins_formula(c) || (i == 0 && c == '\''))) {
      text.push_back('\'');
    }
    if (c == '"') text.push_back('"');
    text.push_back(c);
    // For whom the cell begins here, a quotation mark is only the beginning of its text.
    if (c != '"' || !may_end_cell(before)) before = c;
  }
  text.push_back('"');
}

template <class T>
std::string cell_of(const std::optional<T>& value) {
  return value ? value->to_string() : std::string();
}

std::string cell_of(const std::optional<std::string>& value) {
  return value.value_or("");
}

// The event as it was received, of one in Retraced's form.
std::string retraced_text(const AuditEvent& entry) {
  if (!entry.retraced_json) return {};
  constexpr std::string_view kMember = "e";
  JsonWriter json;
  json.begin_object();
  write_retraced_event(json, kMember, entry);
  json.end_object();
  const std::string text = json.str();
  // Without the object around it, which has no member where what is stored is no such event.
  constexpr std::size_t kAround = 5;  // {"e":
  return text.size() <= kAround ? std::string() : text.substr(kAround, text.size() - kAround - 1);
}

void append_row(std::string& text, const AuditEvent& entry) {
  const NewAuditEvent& event = entry.event;
  char separator = '\0';
  for (const std::string& cell :
       {std::to_string(entry.id), entry.created_at.to_string(), cell_of(event.tenant_id),
        cell_of(event.project_id), cell_of(event.actor_id), cell_of(event.actor_name),
        cell_of(event.actor_type), event.action, cell_of(event.target_id),
        cell_of(event.target_type), cell_of(event.target_name), cell_of(event.product),
        cell_of(event.source_ip), cell_of(event.user_agent), event.metadata_json,
        retraced_text(entry)}) {
    if (separator != '\0') text.push_back(separator);
    separator = ',';
    append_cell(text, cell);
  }
  text.append(kLineEnd);
}

}  // namespace

std::optional<AuditFormat> accepted_audit_format(std::string_view accept) {
  std::optional<AuditFormat> best;
  double best_quality = 0;
  const std::string ranges = lower_ascii(accept);
  std::string_view rest = ranges;
  while (!rest.empty()) {
    std::string_view range = take_until(rest, ',');
    const std::string_view type = trimmed(take_until(range, ';'));
    const double quality = quality_of(range);
    std::optional<AuditFormat> format;
    if (type == "application/x-ndjson") format = AuditFormat::kNdjson;
    if (type == "text/csv") format = AuditFormat::kCsv;
    if ((!format && type != "application/json") || quality <= best_quality) continue;
    best = format;
    best_quality = quality;
  }
  return best;
}

std::string media_type(AuditFormat format) {
  return format == AuditFormat::kCsv ? "text/csv; charset=utf-8; header=present"
                                     : "application/x-ndjson";
}

std::string_view file_name(AuditFormat format) {
  return format == AuditFormat::kCsv ? "audit.csv" : "audit.ndjson";
}

std::string audit_export_head(AuditFormat format) {
  std::string head;
  if (format == AuditFormat::kNdjson) return head;
  for (const std::string_view column : kCsvColumns) {
    head.append(head.empty() ? "" : ",").append(column);
  }
  return head.append(kLineEnd);
}

void append_audit_entry(std::string& text, AuditFormat format, const AuditEvent& entry) {
  switch (format) {
    case AuditFormat::kNdjson:
      text.append(audit_event_json(entry)).push_back('\n');
      return;
    case AuditFormat::kCsv:
      append_row(text, entry);
      return;
  }
  throw std::logic_error("an unknown format of the trail");
}

}  // namespace registry::http
