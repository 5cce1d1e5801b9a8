#include "tests/unit/audit_input.h"

namespace registry::test {
namespace {

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

}  // namespace
}  // namespace registry::test
