#include "common/http/audit_formats.h"

#include "tests/support/catch.h"

namespace registry::http {
namespace {

constexpr auto kCsv = AuditFormat::kCsv;
constexpr auto kNdjson = AuditFormat::kNdjson;

AuditEvent entry_of(const std::string& actor_name) {
  AuditEvent entry;
  entry.id = 17;
  entry.event.action = "view";
  entry.event.actor_name = actor_name;
  return entry;
}

// What a row has for a name that a producer sent.
std::string cell_of(const std::string& name) {
  std::string row;
  append_audit_entry(row, kCsv, entry_of(name));
  const std::string before = R"("17","1970-01-01T00:00:00.000000Z","","","",)";
  const std::string after = ",\"\",\"view\",\"\",\"\",\"\",\"\",\"\",\"\",\"{}\",\"\"\r\n";
  REQUIRE(row.starts_with(before));
  REQUIRE(row.ends_with(after));
  return row.substr(before.size(), row.size() - before.size() - after.size());
}

TEST_CASE("accepted_audit_format: the type that is named with the highest quality counts") {
  CHECK(accepted_audit_format("text/csv") == kCsv);
  CHECK(accepted_audit_format("application/x-ndjson") == kNdjson);
  CHECK(accepted_audit_format("Text/CSV; q=0.5 , application/x-ndjson;q=0.6") == kNdjson);
  CHECK(accepted_audit_format("text/csv;header=present, */*;q=0.1") == kCsv);
  CHECK(accepted_audit_format("text/csv, application/x-ndjson") == kCsv);
  CHECK(accepted_audit_format("text/html;q=0.9,text/csv;q=0.001") == kCsv);
  CHECK(accepted_audit_format("application/json;q=0.4, text/csv;q=0.5") == kCsv);
}

TEST_CASE("accepted_audit_format: whoever asks for neither gets a page") {
  for (const char* accept :
       {"", "*/*", "application/json", "text/*", "image/png", "text/csvx", "text/csv;q=0",
        "text/csv;q=x", "text/csv;q=", ",,;;", "application/json, text/csv",
        "application/json, text/csv;q=0.9", "text/html,application/xhtml+xml,*/*;q=0.8"}) {
    CAPTURE(accept);
    CHECK_FALSE(accepted_audit_format(accept));
  }
}

TEST_CASE("append_audit_entry: a row has a cell for each name of the head") {
  CHECK(audit_export_head(kCsv) ==
        "id,created_at,tenant_id,project_id,actor_id,actor_name,actor_type,action,target_id,"
        "target_type,target_name,product,source_ip,user_agent,metadata,retraced\r\n");
  CHECK(cell_of("Ada") == R"("Ada")");
  CHECK(cell_of("") == R"("")");
  CHECK(cell_of("a \"b\", c") == R"("a ""b"", c")");
  CHECK(cell_of("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("append_audit_entry: no cell of CSV begins a formula, in whichever setting") {
  for (const char* name : {"=1+1", "+1", "-1", "@SUM(1)", "'=1", "'", "==", "=cmd|' /C calc'!A0"}) {
    CAPTURE(name);
    CHECK(cell_of(name) == "\"'" + std::string(name) + "\"");
  }
  CHECK(cell_of("a;=1;-2") == R"("a;'=1;'-2")");
  CHECK(cell_of("\t=1") == "\"\t'=1\"");
  CHECK(cell_of("\r\n=1") == "\"\r\n'=1\"");
  CHECK(cell_of("a=1+1 - b@c") == R"("a=1+1 - b@c")");
  CHECK(cell_of("a;'b") == R"("a;'b")");
}

TEST_CASE("append_audit_entry: an event in Retraced's form is in its cell as it was received") {
  AuditEvent entry = entry_of("Ada");
  entry.retraced_json = R"({"crud":"c","hash":"0a"})";
  std::string row;
  append_audit_entry(row, kCsv, entry);
  CHECK(row.ends_with(
      R"("{}","{""action"":""view"",""crud"":""c"",""actor"":{""name"":""Ada""},""hash"":""0a""}")"
      "\r\n"));
  entry.retraced_json = R"({"crud":"c"})";
  row.clear();
  append_audit_entry(row, kCsv, entry);
  CHECK(row.ends_with("\"{}\",\"\"\r\n"));
}

TEST_CASE("append_audit_entry: NDJSON has the event of a page in a line") {
  CHECK(audit_export_head(kNdjson).empty());
  std::string line;
  append_audit_entry(line, kNdjson, entry_of("a\nb"));
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find(R"("actor_name":"a\nb")") != std::string::npos);
}

}  // namespace
}  // namespace registry::http
