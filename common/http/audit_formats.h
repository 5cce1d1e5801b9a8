#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/domain/audit_event.h"

// The forms, besides a page of JSON, in which the trail can be had.
namespace registry::http {

enum class AuditFormat {
  kNdjson,  // an entry a line, each as in a page
  kCsv,     // RFC 4180, with a header; for people with a spreadsheet, see append_audit_entry()
};

// The form that an Accept header asks for; nothing where it asks for a page, or for neither: the
// one of the highest quality that it names itself. Source: RFC 9110, section 12.5.1.
[[nodiscard]] std::optional<AuditFormat> accepted_audit_format(std::string_view accept);

[[nodiscard]] std::string media_type(AuditFormat format);
[[nodiscard]] std::string_view file_name(AuditFormat format);

// What stands in front of the entries.
[[nodiscard]] std::string audit_export_head(AuditFormat format);

// Appends an entry. In CSV an apostrophe stands before whatever a spreadsheet might take for the
// beginning of a formula: one of = + - @ or an apostrophe at the beginning of a cell, or one of
// these four behind what may end a cell there in some settings (a semicolon, tab or line break).
// The cells of absent members are empty. Source: OWASP, "CSV Injection".
void append_audit_entry(std::string& text, AuditFormat format, const AuditEvent& entry);

}  // namespace registry::http
