#include "common/app/audit_input.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/crypto/audit_hash.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

constexpr const char* kSmiley = "\xF0\x9F\x98\x80";
const std::string kId = "0123abcd-0000-0000-0000-00000000ABCD";
const std::string kCanonicalId = "0123abcd-0000-0000-0000-00000000abcd";

Result<AuditBatch> read(std::string body) {
  http::Request request;
  request.body = std::move(body);
  return read_audit_batch(request);
}

// The only event of a body that is accepted.
AuditSubmission submission(const std::string& body) {
  CAPTURE(body);
  const auto batch = read(body);
  REQUIRE(batch);
  REQUIRE(batch->submissions.size() == 1);
  return batch->submissions.front();
}

AuditSubmission submission(const json& body) {
  return submission(body.dump());
}

Error refusal(const std::string& body) {
  const auto batch = read(body);
  INFO(body.substr(0, 1000));
  REQUIRE_FALSE(batch);
  CHECK(batch.error().code == ErrorCode::kInvalidRequest);
  CHECK_FALSE(batch.error().detail.empty());
  return batch.error();
}

std::vector<FieldError> mistakes(const json& body) {
  return refusal(body.dump()).fields;
}

// The name of the only member that is wrong.
std::string wrong_member(const json& body) {
  const auto fields = mistakes(body);
  REQUIRE(fields.size() == 1);
  return fields.front().field;
}

bool is_unknown(const FieldError& error) {
  return error.message == "is not a known member";
}

std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

json own_event() {
  return {{"action", "a"}};
}

json retraced_event() {
  return {{"action", "a"}, {"crud", "c"}};
}

// As errors name a member: "/actor/name" is actor.name.
std::string dotted(std::string pointer) {
  for (char& c : pointer) c = c == '/' ? '.' : c;
  return pointer.substr(1);
}

const std::vector<std::string>& own_texts() {
  static const std::vector<std::string> kTexts = {"/actor_id",    "/actor_name", "/actor_type",
                                                  "/action",      "/target_id",  "/target_type",
                                                  "/target_name", "/product",    "/user_agent"};
  return kTexts;
}

// With the largest number of characters of each.
const std::map<std::string, std::size_t>& retraced_texts() {
  static const std::map<std::string, std::size_t> kTexts = {
      {"/action", 255},      {"/crud", 255},         {"/group/name", 255}, {"/actor/id", 255},
      {"/actor/name", 255},  {"/actor/href", 4096},  {"/target/id", 255},  {"/target/name", 255},
      {"/target/type", 255}, {"/target/href", 4096}, {"/component", 255},  {"/version", 255},
      {"/external_id", 255}, {"/description", 4096}};
  return kTexts;
}

const std::vector<std::string>& retraced_maps() {
  static const std::vector<std::string> kMaps = {"/actor/fields", "/target/fields", "/fields",
                                                 "/metadata"};
  return kMaps;
}

// Our own form

TEST_CASE("read_audit_batch: every member of our own form has its place") {
  const AuditSubmission read = submission(json{{"tenant_id", kId},
                                               {"project_id", kId},
                                               {"actor_id", "ai"},
                                               {"actor_name", "an"},
                                               {"actor_type", "at"},
                                               {"action", "a"},
                                               {"target_id", "ti"},
                                               {"target_type", "tt"},
                                               {"target_name", "tn"},
                                               {"product", "A product"},
                                               {"metadata", {{"n", 1}}},
                                               {"source_ip", "2001:DB8::0"},
                                               {"user_agent", "ua"}});
  const NewAuditEvent& event = read.event;
  CHECK(event.tenant_id->to_string() == kCanonicalId);
  CHECK(event.project_id->to_string() == kCanonicalId);
  CHECK(event.actor_id == "ai");
  CHECK(event.actor_name == "an");
  CHECK(event.actor_type == "at");
  CHECK(event.action == "a");
  CHECK(event.target_id == "ti");
  CHECK(event.target_type == "tt");
  CHECK(event.target_name == "tn");
  CHECK(event.product == "A product");
  CHECK(event.metadata_json == R"({"n":1})");
  CHECK(event.source_ip == "2001:db8::");
  CHECK(event.user_agent == "ua");
  CHECK_FALSE(read.tenant_slug);
  CHECK_FALSE(read.retraced_json);
  CHECK(read.place.empty());
}

TEST_CASE("read_audit_batch: our own form needs an action alone, and null counts as absent") {
  json nulls = own_event();
  for (const char* name :
       {"tenant_id", "project_id", "actor_id", "actor_name", "actor_type", "target_id",
        "target_type", "target_name", "product", "metadata", "source_ip", "user_agent"}) {
    nulls[name] = nullptr;
  }
  for (const json& body : {own_event(), nulls}) {
    const AuditSubmission read = submission(body);
    CHECK_FALSE(read.event.tenant_id);
    CHECK_FALSE(read.event.project_id);
    CHECK_FALSE(read.event.actor_id);
    CHECK_FALSE(read.event.product);
    CHECK_FALSE(read.event.source_ip);
    CHECK(read.event.metadata_json == "{}");
    CHECK(read.hash_tail == "a:::::0:0::");
  }
  CHECK(mistakes(json::object()) ==
        std::vector<FieldError>{{.field = "action", .message = "is required"}});
  CHECK(wrong_member({{"action", nullptr}}) == "action");
}

TEST_CASE("read_audit_batch: texts of our own form have 1 to 255 characters") {
  for (const std::string& pointer : own_texts()) {
    json body = own_event();
    for (const std::string character : {"x", kSmiley}) {
      body[Pointer(pointer)] = repeated(255, character);
      CHECK(read(body.dump()));
      body[Pointer(pointer)] = repeated(256, character);
      CHECK(wrong_member(body) == dotted(pointer));
    }
    body[Pointer(pointer)] = "";
    CHECK(wrong_member(body) == dotted(pointer));
  }
}

TEST_CASE("read_audit_batch: a member of our own form with a value of another type is refused") {
  for (const json& value : {json(5), json(true), json::array({"x"}), json{{"x", "y"}}}) {
    json body;
    for (const std::string& pointer : own_texts()) body[Pointer(pointer)] = value;
    for (const char* name : {"tenant_id", "project_id", "source_ip"}) body[name] = value;
    const auto fields = mistakes(body);
    CHECK(fields.size() == own_texts().size() + 3);
    for (const FieldError& field : fields) CHECK(field.message == "must be a string");
  }
  for (const json& value : {json(5), json(true), json::array(), json("{}")}) {
    CHECK(wrong_member({{"action", "a"}, {"metadata", value}}) == "metadata");
  }
  CHECK(wrong_member({{"action", "a"}, {"tenant_id", "acme"}}) == "tenant_id");
  CHECK(wrong_member({{"action", "a"}, {"project_id", "default"}}) == "project_id");
}

TEST_CASE("read_audit_batch: metadata of our own form passes through byte for byte") {
  const std::string metadata = R"({ "n" : 1.50, "big":12345678901234567890, "t":"\u00e4\/" })";
  CHECK(submission(R"({"action":"a","metadata":)" + metadata + "}").event.metadata_json ==
        metadata);
}

// Which form

TEST_CASE("read_audit_batch: a member that only Retraced's form has decides for it") {
  const auto member =
      GENERATE(values<std::pair<std::string, json>>({{"crud", "c"},
                                                     {"group", {{"id", "acme"}}},
                                                     {"actor", json::object()},
                                                     {"target", json::object()},
                                                     {"created", "2026-05-19T10:10:15Z"},
                                                     {"description", ""},
                                                     {"is_failure", false},
                                                     {"is_anonymous", true},
                                                     {"fields", json::object()},
                                                     {"component", "c"},
                                                     {"version", "1"},
                                                     {"external_id", "e"}}));
  CAPTURE(member.first);
  json body = own_event();
  body[member.first] = member.second;
  CHECK(submission(body).retraced_json);
  body["user_agent"] = "x";
  CHECK(mistakes(body) ==
        std::vector<FieldError>{{.field = "user_agent", .message = "is not a known member"}});
  body.erase("user_agent");
  body[member.first] = nullptr;
  CHECK(submission(body).retraced_json == "{}");
}

TEST_CASE("read_audit_batch: what both forms have is in our own form") {
  const AuditSubmission read =
      submission(json{{"action", "a"}, {"source_ip", "192.0.2.1"}, {"metadata", {{"k", "v"}}}});
  CHECK_FALSE(read.retraced_json);
  CHECK(read.hash_tail == "a::::192.0.2.1:0:0::");
}

TEST_CASE("read_audit_batch: members of our own form are unknown in Retraced's, null or not") {
  for (const char* name : {"tenant_id", "project_id", "actor_id", "actor_name", "actor_type",
                           "target_id", "target_type", "target_name", "product", "user_agent"}) {
    for (const json& value : {json("x"), json()}) {
      json body = retraced_event();
      body[name] = value;
      const auto fields = mistakes(body);
      REQUIRE(fields.size() == 1);
      CHECK(fields[0].field == name);
      CHECK(is_unknown(fields[0]));
    }
  }
}

TEST_CASE("read_audit_batch: unknown members are refused wherever they are") {
  json body = retraced_event();
  for (const char* pointer : {"/x", "/actor/type", "/group/slug", "/target/x"}) {
    body[Pointer(pointer)] = "x";
  }
  const auto fields = mistakes(body);
  REQUIRE(fields.size() == 4);
  CHECK(fields[0].field == "group.slug");
  CHECK(fields[1].field == "actor.type");
  CHECK(fields[2].field == "target.x");
  CHECK(fields[3].field == "x");
  for (const FieldError& field : fields) CHECK(is_unknown(field));
  CHECK(wrong_member({{"action", "a"}, {"colour", 1}}) == "colour");
}

// Retraced's form

json full_retraced_event() {
  return {
      {"action", "a"},
      {"crud", "c"},
      {"group", {{"id", "acme"}, {"name", "Acme"}}},
      {"actor", {{"id", "ai"}, {"name", "an"}, {"href", "ah"}, {"fields", {{"type", "at"}}}}},
      {"target",
       {{"id", "ti"}, {"name", "tn"}, {"type", "tt"}, {"href", "th"}, {"fields", {{"f", "g"}}}}},
      {"created", "2026-05-19T12:10:15+02:00"},
      {"source_ip", "2001:DB8::0"},
      {"description", "d"},
      {"is_failure", true},
      {"is_anonymous", false},
      {"fields", {{"k", "v"}}},
      {"component", "A product"},
      {"version", "1"},
      {"external_id", "e"},
      {"metadata", {{"m", "n"}}}};
}

TEST_CASE("read_audit_batch: every member of Retraced's form has its place") {
  const AuditSubmission read = submission(full_retraced_event());
  const NewAuditEvent& event = read.event;
  CHECK_FALSE(event.tenant_id);
  REQUIRE(read.tenant_slug);
  CHECK(read.tenant_slug->str() == "acme");
  CHECK_FALSE(event.project_id);
  CHECK(event.actor_id == "ai");
  CHECK(event.actor_name == "an");
  CHECK(event.actor_type == "at");
  CHECK(event.action == "a");
  CHECK(event.target_id == "ti");
  CHECK(event.target_type == "tt");
  CHECK(event.target_name == "tn");
  CHECK(event.product == "A product");
  CHECK(event.metadata_json == R"({"m":"n"})");
  CHECK(event.source_ip == "2001:db8::");
  CHECK_FALSE(event.user_agent);
  // What the columns do not hold, and nothing else.
  CHECK(read.retraced_json ==
        R"({"crud":"c","group":{"id":"acme","name":"Acme"},)"
        R"("actor":{"href":"ah","fields":{"type":"at"}},)"
        R"("target":{"href":"th","fields":{"f":"g"}},)"
        R"("created":"2026-05-19T12:10:15+02:00","source_ip":"2001:DB8::0","description":"d",)"
        R"("is_failure":true,"is_anonymous":false,"fields":{"k":"v"},"version":"1",)"
        R"("external_id":"e"})");
}

TEST_CASE("read_audit_batch: of Retraced's form only what was received is kept") {
  const AuditSubmission read = submission(json{
      {"action", "a"}, {"component", "c"}, {"actor", {{"id", "ai"}}}, {"metadata", {{"m", ""}}}});
  CHECK(read.retraced_json == "{}");
  CHECK_FALSE(read.event.actor_type);
  // Metadata that came empty would not be told from metadata that did not come.
  CHECK(submission(json{{"action", "a"}, {"crud", "c"}, {"metadata", json::object()}})
            .retraced_json == R"({"crud":"c","metadata":{}})");
}

TEST_CASE("read_audit_batch: texts of Retraced's form have their limits in characters") {
  for (const auto& [pointer, limit] : retraced_texts()) {
    json body = retraced_event();
    for (const std::string character : {"x", kSmiley}) {
      body[Pointer(pointer)] = repeated(limit, character);
      CHECK(read(body.dump()));
      body[Pointer(pointer)] = repeated(limit + 1, character);
      CHECK(wrong_member(body) == dotted(pointer));
    }
  }
}

TEST_CASE("read_audit_batch: a member of Retraced's form with a value of another type is refused") {
  const json wrong = json::array({"x"});
  json body = {{"created", wrong},  {"source_ip", wrong}, {"is_failure", "true"},
               {"is_anonymous", 1}, {"action", wrong},    {"group", {{"id", wrong}}}};
  for (const auto& [pointer, limit] : retraced_texts()) body[Pointer(pointer)] = wrong;
  for (const std::string& pointer : retraced_maps()) body[Pointer(pointer)] = wrong;
  CHECK(mistakes(body).size() == 5 + retraced_texts().size() + retraced_maps().size());
  for (const char* name : {"group", "actor", "target"}) {
    for (const json& value : {json("x"), json(1), json::array()}) {
      CHECK(wrong_member({{"action", "a"}, {name, value}}) == name);
    }
  }
}

TEST_CASE("read_audit_batch: in Retraced's form null and an empty text count as absent") {
  const AuditSubmission bare = submission(retraced_event());
  for (const json& nothing : {json(), json("")}) {
    json body = {{"created", nothing}, {"source_ip", nothing}, {"group", {{"id", nothing}}}};
    for (const auto& [pointer, limit] : retraced_texts()) body[Pointer(pointer)] = nothing;
    body["action"] = "a";
    body["crud"] = "c";
    const AuditSubmission read = submission(body);
    CHECK(read.retraced_json == bare.retraced_json);
    CHECK(read.hash_tail == bare.hash_tail);
    CHECK_FALSE(read.event.tenant_id);
    CHECK_FALSE(read.tenant_slug);
    CHECK_FALSE(read.event.actor_id);
    CHECK_FALSE(read.event.target_name);
    CHECK_FALSE(read.event.product);
    CHECK_FALSE(read.event.source_ip);
    body["action"] = nothing;
    CHECK(mistakes(body) == std::vector<FieldError>{{.field = "action", .message = "is required"}});
  }
  json nulls = retraced_event();
  for (const std::string name : {"group", "actor", "target", "fields", "metadata", "is_failure"}) {
    nulls[name] = nullptr;
  }
  CHECK(submission(nulls).retraced_json == bare.retraced_json);
  CHECK(submission(nulls).hash_tail == bare.hash_tail);
}

TEST_CASE("read_audit_batch: created is a moment, and one of the year 1 counts as absent") {
  json body = own_event();
  for (const std::string created :
       {"0001-01-01T00:00:00Z", "0001-12-31T23:59:59.999Z", "0001-01-01T01:00:00+01:00"}) {
    body["created"] = created;
    CHECK(submission(body).retraced_json == "{}");
  }
  for (const std::string created :
       {"0002-01-01T00:00:00Z", "2026-05-19t12:10:15.123456789+02:00"}) {
    body["created"] = created;
    CHECK(submission(body).retraced_json == R"({"created":")" + created + "\"}");
  }
  for (const std::string created : {"2026-05-19", "now", "0000-01-01T00:00:00Z", " "}) {
    body["created"] = created;
    CHECK(wrong_member(body) == "created");
  }
}

TEST_CASE("read_audit_batch: group.id is the tenant's id or its slug") {
  const auto of_group = [](const std::string& id) {
    return json{{"action", "a"}, {"group", {{"id", id}}}};
  };
  for (const std::string& id : {kId, kCanonicalId}) {
    const AuditSubmission read = submission(of_group(id));
    CHECK(read.event.tenant_id->to_string() == kCanonicalId);
    CHECK_FALSE(read.tenant_slug);
    CHECK(read.retraced_json == R"({"group":{"id":")" + id + "\"}}");
    CHECK(read.hash_tail == "a:::" + id + "::0:0::");
  }
  const AuditSubmission by_slug = submission(of_group("acme"));
  CHECK_FALSE(by_slug.event.tenant_id);
  CHECK(by_slug.tenant_slug->str() == "acme");
  for (const std::string& id : {std::string("Acme"), std::string("x"), "{" + kId + "}",
                                std::string(41, 'a'), std::string(256, 'a')}) {
    CHECK(wrong_member(of_group(id)) == "group.id");
  }
}

TEST_CASE("read_audit_batch: the type of an actor is what its fields say, or anonymous") {
  const auto actor_type = [](const json& fields, const json& is_anonymous) {
    return submission(json{{"action", "a"},
                           {"actor", {{"fields", fields}}},
                           {"is_anonymous", is_anonymous}})
        .event.actor_type;
  };
  CHECK(actor_type({{"type", "robot"}}, true) == "robot");
  CHECK(actor_type({{"type", ""}}, true) == "anonymous");
  CHECK(actor_type({{"Type", "robot"}}, true) == "anonymous");
  CHECK(actor_type(nullptr, true) == "anonymous");
  CHECK_FALSE(actor_type({{"type", ""}}, false));
  CHECK_FALSE(actor_type(nullptr, false));
  // The column has the limit of our own form; the fields keep the text.
  CHECK(actor_type({{"type", repeated(255, kSmiley)}}, {}) == repeated(255, kSmiley));
  CHECK_FALSE(actor_type({{"type", repeated(256, "x")}}, {}));
}

TEST_CASE("read_audit_batch: the maps of Retraced's form have texts alone") {
  for (const std::string& pointer : retraced_maps()) {
    for (const json& value : {json(1), json(), json(false), json::object(), json::array()}) {
      json body = retraced_event();
      body[Pointer(pointer)] = {{"a", "b"}, {"k", value}};
      CHECK(wrong_member(body) == dotted(pointer));
    }
  }
}

// Both forms

TEST_CASE("read_audit_batch: the name that is ours is refused in metadata") {
  for (const json& event : {own_event(), retraced_event()}) {
    json body = event;
    body["metadata"] = {{"a", "b"}, {"_retraced", "x"}};
    CHECK(wrong_member(body) == "metadata");
    body["metadata"] = {{"_Retraced", "x"}, {"a", "_retraced"}};
    CHECK(read(body.dump()));
  }
  // In any spelling, and also when it is null; further down it is a name like any other.
  CHECK(refusal(R"({"action":"a","metadata":{"\u005fretraced":1}})").fields.size() == 1);
  CHECK(refusal(R"({"action":"a","metadata":{"_retraced":null}})").fields.size() == 1);
  CHECK(read(R"({"action":"a","metadata":{"x":{"_retraced":1}}})"));
}

TEST_CASE("read_audit_batch: what passes through has at most 64 KiB") {
  const auto map = [](std::size_t bytes) { return json{{"k", std::string(bytes - 8, 'v')}}; };
  json own = own_event();
  own["metadata"] = map(65'536);
  CHECK(read(own.dump()));
  own["metadata"] = map(65'537);
  CHECK(wrong_member(own) == "metadata");
  json body = retraced_event();
  for (const std::string& pointer : retraced_maps()) body[Pointer(pointer)] = map(65'536);
  CHECK(read(body.dump()));
  for (const std::string& pointer : retraced_maps()) {
    body[Pointer(pointer)] = map(65'537);
    CHECK(wrong_member(body) == dotted(pointer));
    body[Pointer(pointer)] = map(65'536);
  }
}

TEST_CASE("read_audit_batch: metadata of our own form has at most 32 levels") {
  const auto of_depth = [](std::size_t levels) {
    return R"({"action":"a","metadata":{"x":)" + repeated(levels - 1, "[") +
           repeated(levels - 1, "]") + "}}";
  };
  CHECK(read(of_depth(32)));
  CHECK(read("[" + of_depth(32) + "]"));
  CHECK(refusal(of_depth(33)).fields.at(0).field == "metadata");
  // The whole document is then too deep for any reader.
  CHECK(refusal("[" + of_depth(33) + "]").detail.find("34 levels") != std::string::npos);
}

TEST_CASE("read_audit_batch: source_ip is an address and nothing else") {
  struct Case {
    std::string given;
    std::string canonical;
  };
  for (const json& event : {own_event(), retraced_event()}) {
    json body = event;
    for (const Case& row : std::vector<Case>{{"192.0.2.1", "192.0.2.1"},
                                             {"2001:DB8:0:0::1", "2001:db8::1"},
                                             {"::FFFF:192.0.2.1", "::ffff:192.0.2.1"}}) {
      body["source_ip"] = row.given;
      CHECK(submission(body).event.source_ip == row.canonical);
    }
    for (const std::string given : {"192.0.2.1/32", "::1/128", "fe80::1%eth0", "192.0.2.01", " ::1",
                                    "localhost", "192.0.2.1:80", "[::1]"}) {
      body["source_ip"] = given;
      CHECK(wrong_member(body) == "source_ip");
    }
  }
  CHECK(wrong_member({{"action", "a"}, {"source_ip", ""}}) == "source_ip");
}

TEST_CASE("read_audit_batch: the hash covers what was sent, as it was sent") {
  CHECK(submission(json{{"action", "a:b"},
                        {"tenant_id", kId},
                        {"target_id", "t%"},
                        {"actor_id", "c"},
                        {"actor_name", "unhashed"},
                        {"source_ip", "2001:DB8:0::1"},
                        {"metadata", {{"k", "v"}}}})
            .hash_tail == "a%3Ab:t%25:c:" + kId + ":2001%3ADB8%3A0%3A%3A1:0:0::");
  CHECK(submission(full_retraced_event()).hash_tail ==
        crypto::audit_hash_tail({.action = "a",
                                 .target_id = "ti",
                                 .actor_id = "ai",
                                 .group_id = "acme",
                                 .source_ip = "2001:DB8::0",
                                 .is_failure = true,
                                 .is_anonymous = false,
                                 .fields = crypto::AuditHashMap{{.key = "k", .value = "v"}},
                                 .external_id = "e",
                                 .metadata = crypto::AuditHashMap{{.key = "m", .value = "n"}}}));
  CHECK(submission(json{{"action", "a"}, {"is_anonymous", true}}).hash_tail == "a:::::0:1::");
}

TEST_CASE("read_audit_batch: the hash tells an empty map from an absent one, but no empty text") {
  const auto tail = [](const std::string& members) {
    return submission(R"({"action":"a","crud":"c")" + members + "}").hash_tail;
  };
  CHECK(tail("") == "a:::::0:0::");
  CHECK(tail(R"(,"fields":{})") == "a:::::0:0:");
  CHECK(tail(R"(,"metadata":{})") == "a:::::0:0:::");
  CHECK(tail(R"(,"metadata":{ })") == "a:::::0:0:::");
  CHECK(tail(R"(,"fields":null,"metadata":null)") == "a:::::0:0::");
  CHECK(tail(R"(,"external_id":"")") == "a:::::0:0::");
  CHECK(tail(R"(,"external_id":"e")") == "a:::::0:0:::e");
  CHECK(tail(R"(,"fields":{"b":"2","a":"\u003d"})") == "a:::::0:0:a=%3D;b=2;");
}

// Bodies

TEST_CASE("read_audit_batch: an array of one event is an array") {
  CHECK_FALSE(read(own_event().dump())->is_array);
  const auto batch = read("[" + own_event().dump() + "]");
  REQUIRE(batch);
  CHECK(batch->is_array);
  CHECK(batch->submissions.at(0).place == "[0].");
}

TEST_CASE("read_audit_batch: an array has 1 to 1,000 events, which stay in their order") {
  const auto of_size = [](std::size_t count) {
    json body = json::array();
    for (std::size_t i = 0; i < count; ++i) {
      body.push_back(i % 2 == 0 ? own_event() : retraced_event());
      body.back()["action"] = std::to_string(i);
    }
    return body.dump();
  };
  const auto batch = read(of_size(1000));
  REQUIRE(batch);
  REQUIRE(batch->submissions.size() == 1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    CHECK(batch->submissions[i].event.action == std::to_string(i));
  }
  CHECK(batch->submissions[999].place == "[999].");
  for (const std::size_t count : {std::size_t{0}, std::size_t{1001}}) {
    const Error error = refusal(of_size(count));
    CHECK(error.fields.empty());
    CHECK(error.detail == "The array must have 1 to 1000 events.");
  }
}

TEST_CASE("read_audit_batch: in an array every wrong member of every event is named") {
  const json body = {own_event(),
                     {{"action", ""}, {"x", 1}},
                     5,
                     retraced_event(),
                     {{"actor", {{"name", 1}}}, {"group", {{"id", "?"}}}},
                     json::array(),
                     nullptr};
  const auto fields = mistakes(body);
  std::vector<std::string> names;
  for (const FieldError& field : fields) names.push_back(field.field);
  CHECK(names == std::vector<std::string>{"[1].action", "[1].x", "[2]", "[4].action",
                                          "[4].actor.name", "[4].group.id", "[5]", "[6]"});
  CHECK(fields[2].message == "must be an object");
}

TEST_CASE("read_audit_batch: an error names at most 100 mistakes in all") {
  json body = json::array();
  for (int i = 0; i < 1000; ++i) body.push_back({{"x", 1}, {"y", 1}});
  const auto fields = mistakes(body);
  REQUIRE(fields.size() == 100);
  CHECK(fields[99].field == "[33].action");
  json wide = own_event();
  for (int i = 0; i < 1000; ++i) wide["x" + std::to_string(i)] = 1;
  CHECK(mistakes(wide).size() == 100);
  CHECK(mistakes(json::array({wide, wide})).size() == 100);
}

TEST_CASE("read_audit_batch: a body that is no event is refused without naming members") {
  const auto body =
      GENERATE(as<std::string>(), "", " ", "{", "null", "5", "\"x\"", "true", R"({"action":"a"} x)",
               R"({"action":"a","action":"a"})", R"({"action":"a","metadata":{"x":1,"x":1}})",
               R"([{"action":"a","fields":{"x":"1","x":"1"}}])", R"({"action":"\u0000"})",
               R"({"action":"\ud800"})", "{\"action\":\"\xFF\"}",
               R"({"action":"a","metadata":{"x":1e999}})");
  CAPTURE(body);
  CHECK(refusal(body).fields.empty());
}

}  // namespace
}  // namespace registry
