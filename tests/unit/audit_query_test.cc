#include <cstdint>
#include <limits>
#include <string>

#include "common/domain/audit_event.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

TEST_CASE("parse_audit_limit: a whole number from 1 to 500") {
  CHECK(parse_audit_limit("1").value() == 1);
  CHECK(parse_audit_limit("100").value() == 100);
  CHECK(parse_audit_limit("500").value() == 500);
  const auto text = GENERATE(as<std::string>(), "", "0", "501", "-1", "-0", "+1", "1.0", "1e2",
                             " 1", "1 ", "0x1", "ten", "1,000", "99999999999999999999");
  CAPTURE(text);
  REQUIRE_FALSE(parse_audit_limit(text));
  CHECK(parse_audit_limit(text).error() == "must be a whole number from 1 to 500");
}

TEST_CASE("parse_audit_cursor: a whole number from 0 below 2 to the 63rd") {
  CHECK(parse_audit_cursor("0").value() == 0);
  CHECK(parse_audit_cursor("17").value() == 17);
  CHECK(parse_audit_cursor("9223372036854775807").value() ==
        std::numeric_limits<std::int64_t>::max());
  const auto text =
      GENERATE(as<std::string>(), "", "-1", "-0", "+0", "9223372036854775808", "0x", "1.5", "null");
  CAPTURE(text);
  CHECK_FALSE(parse_audit_cursor(text));
}

TEST_CASE("parse_audit_order: asc or desc, and nothing else") {
  CHECK_FALSE(parse_audit_order("asc").value());
  CHECK(parse_audit_order("desc").value());
  const auto text = GENERATE(as<std::string>(), "", "ASC", "descending", "asc ", "1");
  CAPTURE(text);
  CHECK_FALSE(parse_audit_order(text));
}

TEST_CASE("tenant_member, project_member: the members as the event's form names them") {
  AuditSubmission submission{.event = {}, .hash_tail = ""};
  CHECK(tenant_member(submission) == "tenant_id");
  CHECK(project_member(submission) == "project_id");
  submission.place = "[3].";
  submission.retraced_json = "{}";
  CHECK(tenant_member(submission) == "[3].group.id");
  CHECK(project_member(submission) == "[3].project_id");
}

}  // namespace
}  // namespace registry
