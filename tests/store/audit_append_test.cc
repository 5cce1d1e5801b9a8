#include <algorithm>

#include "common/crypto/audit_hash.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

class AppendTest : public EveryStore {
 protected:
  // Every entry of the trail.
  std::vector<AuditEvent> all_events() {
    AuditQuery query;
    query.limit = 500;
    std::vector<AuditEvent> events;
    while (true) {
      AuditPage page = value_of(store().audit_events(everyone(), query));
      events.insert(events.end(), page.events.begin(), page.events.end());
      if (!page.next_cursor) return events;
      query.cursor = page.next_cursor;
    }
  }

  std::vector<AuditReceipt> append(const std::vector<AuditSubmission>& events) {
    CHECK(store().check_audit_events(everyone(), events));
    return value_of(store().append_audit_events(everyone(), events));
  }

  // Requires that the events are refused for these members, and that nothing is written.
  void require_refused(const std::vector<AuditSubmission>& events,
                       const std::vector<std::string>& members) {
    const RowCounts before = backend().row_counts();
    const auto refused = store().append_audit_events(everyone(), events);
    CHECK(code_of(refused) == ErrorCode::kInvalidRequest);
    std::vector<std::string> named;
    for (const FieldError& error : refused.error().fields) {
      CHECK_FALSE(error.message.empty());
      named.push_back(error.field);
    }
    CHECK(named == members);
    const Status checked = store().check_audit_events(everyone(), events);
    CHECK(code_of(checked) == ErrorCode::kInvalidRequest);
    CHECK(checked.error().fields == refused.error().fields);
    CHECK(backend().row_counts() == before);
  }
};

AuditSubmission submission_of(std::string action) {
  AuditSubmission submission;
  submission.hash_tail = action + ":target:actor:group:::0:0::";
  submission.event.action = std::move(action);
  return submission;
}

AuditSubmission full_submission(const Uuid& tenant_id, const Uuid& project_id) {
  AuditSubmission submission = submission_of("invoice.pay");
  NewAuditEvent& event = submission.event;
  event.tenant_id = tenant_id;
  event.project_id = project_id;
  event.actor_id = "u-1";
  event.actor_name = "Ada";
  event.actor_type = "user";
  event.target_id = "i-1";
  event.target_type = "invoice";
  event.target_name = "Invoice 1";
  event.product = "certifai";
  event.metadata_json = R"({"amount": 12.50, "nested": {"list": [1, null, true]}})";
  event.source_ip = "2001:db8::1";
  event.user_agent = "curl/8.0";
  return submission;
}

void check_same(const NewAuditEvent& read, const NewAuditEvent& given) {
  CHECK(read.tenant_id == given.tenant_id);
  CHECK(read.project_id == given.project_id);
  CHECK(read.actor_id == given.actor_id);
  CHECK(read.actor_name == given.actor_name);
  CHECK(read.actor_type == given.actor_type);
  CHECK(read.action == given.action);
  CHECK(read.target_id == given.target_id);
  CHECK(read.target_type == given.target_type);
  CHECK(read.target_name == given.target_name);
  CHECK(read.product == given.product);
  CHECK(is_same_json(read.metadata_json, given.metadata_json));
  CHECK(read.source_ip == given.source_ip);
  CHECK(read.user_agent == given.user_agent);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: every member is stored as given") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const AuditSubmission given =
      full_submission(tenant.id, backend().insert_project(tenant.id, "alpha"));
  let_time_pass();

  const auto receipts = append({given});

  const AuditEvent read = all_events().back();
  REQUIRE(receipts.size() == 1);
  CHECK(receipts[0].id == read.id);
  CHECK(receipts[0].hash == crypto::audit_hash(std::to_string(read.id), given.hash_tail));
  CHECK(read.created_at > tenant.created_at);
  check_same(read.event, given.event);
  CHECK_FALSE(read.retraced_json);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: an action alone is an event") {
  append({submission_of("least")});
  const AuditEvent read = all_events().back();
  check_same(read.event, submission_of("least").event);
  CHECK(is_same_json(read.event.metadata_json, "{}"));
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: texts come back as they were given") {
  AuditSubmission given = submission_of("a");
  std::string text;
  SECTION("special characters") {
    text = "it's \"100%\" \\ %s $1 ?1 {a,b} \t\n – 日本 🔑";
  }
  SECTION("255 characters of 4 bytes") {
    for (int i = 0; i < 255; ++i) text += "🔑";
  }
  for (auto* member : {&given.event.actor_id, &given.event.actor_name, &given.event.actor_type,
                       &given.event.target_id, &given.event.target_type, &given.event.target_name,
                       &given.event.product, &given.event.user_agent}) {
    *member = text;
  }
  given.event.action = text;
  given.event.metadata_json = R"({"it's \"100%\" \\ \t":"🔑\u00e4\ud83d\ude9a%"})";
  given.hash_tail = text + "%3A:🔑";
  const auto receipts = append({given});
  const AuditEvent read = all_events().back();
  check_same(read.event, given.event);
  CHECK(receipts[0].hash == crypto::audit_hash(std::to_string(read.id), given.hash_tail));
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: 1,000 at once, ids and receipts in order") {
  constexpr int kMost = 1000;
  append({submission_of("before")});
  std::vector<AuditSubmission> events;
  for (int i = 0; i < kMost; ++i) events.push_back(submission_of("event-" + std::to_string(i)));

  const auto receipts = append(events);

  REQUIRE(receipts.size() == kMost);
  const auto read = all_events();
  REQUIRE(read.size() == kMost + 1);
  int wrong = 0;
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    const AuditEvent& event = read[i + 1];
    if (event.id != receipts[i].id || event.event.action != events[i].event.action) ++wrong;
    if (event.id <= read[i].id || event.created_at < read[i].created_at) ++wrong;
    if (receipts[i].hash !=
        crypto::audit_hash(std::to_string(receipts[i].id), events[i].hash_tail)) {
      ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(append({submission_of("after")})[0].id > receipts.back().id);
}

TEST_CASE_METHOD(AppendTest,
                 "append_audit_events: the order of a list does not follow its values") {
  std::vector<AuditSubmission> events;
  for (const char* action : {"z", "a", "m", "b", "y"}) events.push_back(submission_of(action));
  append(events);
  std::string order;
  for (const AuditEvent& event : all_events()) order += event.event.action;
  CHECK(order == "zamby");
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: a change and an event share one order of ids") {
  const auto first = append({submission_of("first")});
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const auto second = append({submission_of("second")});
  const auto created = backend().audit_trail(tenant.id).at(0);
  CHECK(created.id > first[0].id);
  CHECK(second[0].id > created.id);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: a tenant by its slug, whatever its status") {
  const Tenant tenant = tenant_in(GENERATE(TenantStatus::kDemo, TenantStatus::kActive,
                                           TenantStatus::kFrozen, TenantStatus::kArchived));
  AuditSubmission by_slug = submission_of("by slug");
  by_slug.tenant_slug = slug_of(tenant.slug);
  by_slug.event.project_id = backend().insert_project(tenant.id, "alpha");
  append({by_slug});
  const AuditEvent read = backend().audit_trail(tenant.id).back();
  CHECK(read.event.action == "by slug");
  CHECK(read.event.project_id == by_slug.event.project_id);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: a tenant or project that is none is refused") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  const Tenant other = tenant_in(TenantStatus::kActive);
  const Uuid project_id = backend().insert_project(other.id, "theirs");
  AuditSubmission bad = submission_of("bad");
  bad.event.tenant_id = tenant.id;
  std::vector<std::string> members;
  SECTION("an unknown tenant") {
    bad.event.tenant_id = random_id();
    members = {"tenant_id"};
  }
  SECTION("an unknown slug") {
    bad.event.tenant_id = std::nullopt;
    bad.tenant_slug = random_slug();
    members = {"tenant_id"};
  }
  SECTION("an unknown tenant of an event in Retraced's form") {
    bad.event.tenant_id = random_id();
    bad.retraced_json = "{}";
    members = {"group.id"};
  }
  SECTION("an unknown project") {
    bad.event.project_id = random_id();
    members = {"project_id"};
  }
  SECTION("a project of another tenant") {
    bad.event.project_id = project_id;
    members = {"project_id"};
  }
  SECTION("a project of another tenant than the slug's") {
    bad.event.tenant_id = std::nullopt;
    bad.tenant_slug = slug_of(tenant.slug);
    bad.event.project_id = project_id;
    members = {"project_id"};
  }
  SECTION("a project without a tenant") {
    bad.event.tenant_id = std::nullopt;
    bad.event.project_id = project_id;
    members = {"project_id"};
  }
  SECTION("both unknown") {
    bad.event.tenant_id = random_id();
    bad.event.project_id = random_id();
    members = {"tenant_id", "project_id"};
  }
  require_refused({bad}, members);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: one bad event of many and none is written") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  constexpr int kEvents = 7;
  std::vector<AuditSubmission> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back(submission_of("event"));
    events.back().event.tenant_id = tenant.id;
    events.back().place = "[" + std::to_string(i) + "].";
  }
  SECTION("the first") {
    events[0].event.tenant_id = random_id();
    require_refused(events, {"[0].tenant_id"});
  }
  SECTION("the last") {
    events[6].event.project_id = random_id();
    require_refused(events, {"[6].project_id"});
  }
  SECTION("several, in the order of the events") {
    events[1].event.tenant_id = random_id();
    events[2].event.project_id = random_id();
    events[4].event.tenant_id = std::nullopt;
    events[4].tenant_slug = random_slug();
    events[4].retraced_json = "{}";
    events[5].event.tenant_id = random_id();
    events[5].event.project_id = random_id();
    require_refused(events, {"[1].tenant_id", "[2].project_id", "[4].group.id", "[5].tenant_id",
                             "[5].project_id"});
  }
  // The ids that a refused call might have taken stand in nobody's way.
  append({submission_of("next")});
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: at most 100 members are named") {
  constexpr std::size_t kLimit = 100;
  std::vector<AuditSubmission> events;
  std::vector<std::string> members;
  for (std::size_t i = 0; i < kLimit + 1; ++i) {
    events.push_back(submission_of("event"));
    events.back().event.tenant_id = random_id();
    events.back().place = "[" + std::to_string(i) + "].";
    if (i < kLimit) members.push_back("[" + std::to_string(i) + "].tenant_id");
  }
  require_refused(events, members);
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: Retraced's form is kept beside the metadata") {
  const Tenant tenant = tenant_in(TenantStatus::kActive);
  AuditSubmission given = submission_of("retraced");
  given.event.tenant_id = tenant.id;
  given.event.metadata_json = GENERATE(as<std::string>(), "{}", R"({"a":"1","b":"_retraced"})",
                                       R"({"nested":{"_retraced":"not ours"}})");
  given.retraced_json = GENERATE(
      as<std::string>(), "{}", R"({"crud":"c","group":{"name":"日本 \"🔑\""},"is_failure":false})");

  const auto receipts = append({given});

  const AuditEvent read = all_events().back();
  CHECK(is_same_json(read.event.metadata_json, given.event.metadata_json));
  REQUIRE(read.retraced_json);
  const std::string separator = *given.retraced_json == "{}" ? "" : ",";
  const std::string kept = given.retraced_json->substr(0, given.retraced_json->size() - 1) +
                           separator + R"("hash":")" + receipts[0].hash + "\"}";
  CHECK(is_same_json(*read.retraced_json, kept));
  CHECK(receipts[0].hash == crypto::audit_hash(std::to_string(read.id), given.hash_tail));

  const std::string stored = backend().audit_trail(tenant.id).back().event.metadata_json;
  const std::string own_members =
      given.event.metadata_json.substr(1, given.event.metadata_json.size() - 2);
  CHECK(is_same_json(stored, "{" + own_members + (own_members.empty() ? "" : ",") +
                                 R"("_retraced":)" + kept + "}"));
}

TEST_CASE_METHOD(AppendTest, "append_audit_events: each event of a list has its own form") {
  std::vector<AuditSubmission> events = {submission_of("ours"), submission_of("theirs"),
                                         submission_of("ours again")};
  events[1].retraced_json = R"({"crud":"u"})";
  const auto receipts = append(events);
  const auto read = all_events();
  REQUIRE(read.size() == 3);
  CHECK_FALSE(read[0].retraced_json);
  REQUIRE(read[1].retraced_json);
  CHECK(json_text(*read[1].retraced_json, "hash") == receipts[1].hash);
  CHECK(json_text(*read[1].retraced_json, "crud") == "u");
  CHECK_FALSE(read[2].retraced_json);
}

}  // namespace
}  // namespace registry::test
