#include "tests/unit/audit_input.h"

#include "common/crypto/audit_hash.h"

namespace registry::test {
namespace {

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
}  // namespace registry::test
