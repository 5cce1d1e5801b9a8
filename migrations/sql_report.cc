#include "migrations/sql_report.h"

#include <algorithm>
#include <string_view>

namespace registry::migrate {
namespace {

// What of a statement is shown: enough to recognise it.
constexpr std::size_t kShownLines = 12;
constexpr std::size_t kShownBytes = 1000;

constexpr std::string_view kIndent = "\n  ";

// Cuts between characters, after whole lines where there are several.
std::string shortened(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t line = 0; line < kShownLines && end < text.size(); ++line) {
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  }
  end = std::min(end, kShownBytes);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  std::string shown(text.substr(0, end));
  while (!shown.empty() && shown.back() == '\n') shown.pop_back();
  return end < text.size() ? shown + " …" : shown;
}

std::string indented(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += kIndent;
    } else {
      result += c;
    }
  }
  return result;
}

std::string labelled(std::string_view label, const std::string& text) {
  if (text.empty()) return "";
  return std::string(kIndent) + std::string(label) + ": " + indented(text);
}

std::string message_of(const postgres::ErrorReport& report) {
  if (report.sqlstate.empty()) return report.message;
  return report.message + " (" + report.sqlstate + ")";
}

// 25006: read-only SQL transaction; 55P03: lock not available.
std::string own_hint(const postgres::ErrorReport& report) {
  if (report.sqlstate == "25006") return "this server is read-only (a standby?)";
  if (report.sqlstate == "55P03") {
    return "another session holds a lock that this needs, and did not let go in time";
  }
  return "";
}

// 25001: active SQL transaction; 55P04: unsafe new enum value.
std::string own_hint(const postgres::ErrorReport& report, const SqlScript& script) {
  const bool is_about_transaction = report.sqlstate == "25001" || report.sqlstate == "55P04";
  if (!is_about_transaction || script.runs_outside_transaction()) return own_hint(report);
  return "the first line `-- migrate:no-transaction` lets a file run outside of a transaction";
}

}  // namespace

std::string at_place(const std::string& file, const SqlScript& script, std::size_t byte,
                     const std::string& message) {
  const Place place = script.place_of(byte);
  std::string text =
      file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + message;
  const Statement* statement = script.statement_at(byte);
  if (statement != nullptr) {
    text += labelled("statement", shortened(script.text_of(*statement)));
  }
  return text;
}

std::string describe(const postgres::ErrorReport& report, const std::string& file,
                     const SqlScript& script, std::size_t sent, std::size_t first) {
  std::size_t byte = sent;
  if (report.position_characters > 0) {
    const SqlScript rest(script.text().substr(sent));
    byte += rest.byte_of_character(report.position_characters);
  } else if (!script.statements().empty()) {
    const std::size_t failed = first + static_cast<std::size_t>(report.completed_statements);
    byte = script.statements()[std::min(failed, script.statements().size() - 1)].begin;
  }
  return at_place(file, script, byte, message_of(report)) + labelled("detail", report.detail) +
         labelled("hint", report.hint) + labelled("hint", own_hint(report, script)) +
         labelled("context", report.context);
}

std::string describe(const postgres::ErrorReport& report) {
  return message_of(report) + labelled("detail", report.detail) + labelled("hint", report.hint) +
         labelled("hint", own_hint(report));
}

}  // namespace registry::migrate
