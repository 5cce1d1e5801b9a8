#include "common/crypto/audit_hash.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/golden_vectors.h"

namespace registry::crypto {
namespace {

using nlohmann::json;

// Views into the vector, which lives longer.
std::string_view text_at(const json& event, const char* pointer) {
  const json::json_pointer path(pointer);
  if (!event.contains(path)) return {};
  return event.at(path).get_ref<const std::string&>();
}

std::optional<AuditHashMap> map_at(const json& event, const char* name) {
  if (!event.contains(name)) return std::nullopt;
  AuditHashMap map;
  for (const auto& [key, value] : event.at(name).get_ref<const json::object_t&>()) {
    map.push_back({.key = key, .value = value.get_ref<const std::string&>()});
  }
  return map;
}

AuditHashInput input_of(const json& event) {
  return {
      .action = text_at(event, "/action"),
      .target_id = text_at(event, "/target/id"),
      .actor_id = text_at(event, "/actor/id"),
      .group_id = text_at(event, "/group/id"),
      .source_ip = text_at(event, "/source_ip"),
      .is_failure = event.value("is_failure", false),
      .is_anonymous = event.value("is_anonymous", false),
      .fields = map_at(event, "fields"),
      .external_id = text_at(event, "/external_id"),
      .metadata = map_at(event, "metadata"),
  };
}

TEST_CASE("audit_hash: is what Retraced's client computes, for every golden vector") {
  for (const json& vector : test::golden_vectors("retraced-hash-vectors.json")) {
    CAPTURE(vector.dump());
    const std::string id = vector.at("id").get<std::string>();
    const std::string tail = audit_hash_tail(input_of(vector.at("event")));
    CHECK(audit_hash(id, tail) == vector.at("hash").get<std::string>());
    // Those whose text is given have an id with nothing to escape.
    if (vector.contains("target")) CHECK(id + ":" + tail == vector.at("target").get<std::string>());
  }
}

TEST_CASE("audit_hash: an id is escaped") {
  // Python: hashlib.sha256(b"a%253A1:x:::::0:0::").hexdigest().
  CHECK(audit_hash("a%3A1", "x:::::0:0::") ==
        "114df29ce3e6039b4b1697ca11d19b282fae86e4225c87ad33a5fe6ee86fb2fb");
}

TEST_CASE("audit_hash_tail: an event of nothing") {
  CHECK(audit_hash_tail({}) == ":::::0:0::");
}

TEST_CASE("audit_hash_tail: '=' and ';' are escaped in maps only") {
  const AuditHashInput event{
      .action = "%:=;",
      .target_id = "%:=;",
      .actor_id = "%:=;",
      .group_id = "%:=;",
      .source_ip = "%:=;",
      .is_failure = true,
      .is_anonymous = true,
      .fields = AuditHashMap{{.key = "%:=;", .value = "%:=;"}},
      .external_id = "%:=;",
      .metadata = AuditHashMap{{.key = "%:=;", .value = "%:=;"}},
  };
  CHECK(audit_hash_tail(event) ==
        "%25%3A=;:%25%3A=;:%25%3A=;:%25%3A=;:%25%3A=;:1:1:"
        "%25%3A%3D%3B=%25%3A%3D%3B;"
        ":%25%3A=;"
        ":%25%3A%3D%3B=%25%3A%3D%3B;");
}

TEST_CASE("audit_hash_tail: an absent map differs from an empty one") {
  CHECK(audit_hash_tail({.fields = AuditHashMap{}}) == ":::::0:0:");
  CHECK(audit_hash_tail({.metadata = AuditHashMap{}}) == ":::::0:0:::");
  CHECK(audit_hash_tail({.fields = AuditHashMap{}, .metadata = AuditHashMap{}}) == ":::::0:0::");
}

TEST_CASE("audit_hash_tail: an external id without fields") {
  CHECK(audit_hash_tail({.external_id = "e"}) == ":::::0:0:::e");
  CHECK(audit_hash_tail({.external_id = ""}) == ":::::0:0::");
}

// Keys in the order of their UTF-16 code units. In the order of bytes the three of four bytes would
// be the last ones, and ';' as it is escaped would come before '1'.
const std::vector<std::string_view>& ordered_keys() {
  static const std::vector<std::string_view> kKeys = {
      "",
      "1",
      "10",
      "2",
      ";",
      "A",
      "a",
      "a\xC3\xA9",
      "\xC3\xA9",          // U+00E9
      "\xED\x9F\xBF",      // U+D7FF
      "\xF0\x90\x80\x80",  // U+10000
      "\xF0\x9F\x98\x80",  // U+1F600
      "\xF4\x8F\xBF\xBF",  // U+10FFFF
      "\xEE\x80\x80",      // U+E000
      "\xEF\xBC\x81",      // U+FF01
      "\xEF\xBC\x81z",
      "\xEF\xBF\xBF",  // U+FFFF
  };
  return kKeys;
}

TEST_CASE("audit_hash_tail: a map is in order of the raw keys by UTF-16 code unit") {
  std::string expected = ":::::0:0:";
  AuditHashMap map;
  for (const std::string_view key : ordered_keys()) {
    expected += key == ";" ? "%3B" : key;
    expected += "=;";
    map.push_back({.key = key, .value = ""});
  }
  CHECK(audit_hash_tail({.fields = map}) == expected);
  std::reverse(map.begin(), map.end());
  CHECK(audit_hash_tail({.fields = map}) == expected);
  std::rotate(map.begin(), map.begin() + 5, map.end());
  CHECK(audit_hash_tail({.fields = map}) == expected);
}

}  // namespace
}  // namespace registry::crypto
