#include <algorithm>
#include <limits>

#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(const std::vector<AuditEvent>& events) {
  Ids ids;
  for (const AuditEvent& event : events) ids.push_back(event.id);
  return ids;
}

Ids reversed(Ids ids) {
  std::reverse(ids.begin(), ids.end());
  return ids;
}

Timestamp a_microsecond_after(Timestamp moment) {
  return {moment.unix_us + 1};
}

// A trail of two tenants' events of every combination of two products, actors and actions.
class TrailTest : public EveryStore {
 protected:
  TrailTest() {
    for (const auto& tenant_id :
         {std::optional(one_.id), std::optional(two_.id), std::optional<Uuid>()}) {
      for (const char* product : {"certifai", "mapping"}) {
        for (const char* actor : {"ada", "bob"}) {
          for (const char* action : {"pay", "view"}) {
            add(tenant_id, product, actor, action);
          }
        }
      }
    }
  }

  void add(const std::optional<Uuid>& tenant_id, const std::optional<std::string>& product,
           const std::optional<std::string>& actor, const std::string& action) {
    let_time_pass();
    AuditSubmission submission;
    submission.event.tenant_id = tenant_id;
    submission.event.product = product;
    submission.event.actor_id = actor;
    submission.event.action = action;
    REQUIRE(store().append_audit_events(everyone(), {&submission, 1}));
  }

  Ids read(const AuditQuery& query) {
    return ids_of(value_of(store().audit_events(everyone(), query)).events);
  }

  // The ids of all entries that fulfil a condition, in ascending order.
  template <class Condition>
  Ids where(const Condition& condition) {
    Ids ids;
    for (const AuditEvent& event : all()) {
      if (condition(event)) ids.push_back(event.id);
    }
    return ids;
  }

  std::vector<AuditEvent> all() {
    return value_of(store().audit_events(everyone(), {.limit = 500})).events;
  }

  // Walks to the end by next_cursor; requires that every page but the last is full.
  Ids walk(AuditQuery query) {
    Ids ids;
    constexpr int kMostPages = 200;
    for (int page_number = 0; page_number < kMostPages; ++page_number) {
      const AuditPage page = value_of(store().audit_events(everyone(), query));
      const Ids page_ids = ids_of(page.events);
      ids.insert(ids.end(), page_ids.begin(), page_ids.end());
      if (!page.next_cursor) return ids;
      REQUIRE(std::cmp_equal(page_ids.size(), query.limit));
      REQUIRE(*page.next_cursor == page_ids.back());
      query.cursor = page.next_cursor;
    }
    FAIL("the trail has no end");
    return ids;
  }

  const Tenant one_ = tenant_in(TenantStatus::kActive);
  const Tenant two_ = tenant_in(TenantStatus::kActive);
};

TEST_CASE_METHOD(TrailTest, "audit_events: all, in ascending order of ids, or descending") {
  const Ids ascending = read({.limit = 500});
  CHECK(ascending.size() == 24 + 2);  // and the creation of the tenants
  CHECK(std::is_sorted(ascending.begin(), ascending.end()));
  CHECK(read({.limit = 500, .newest_first = true}) == reversed(ascending));
}

TEST_CASE_METHOD(TrailTest, "audit_events: each filter alone") {
  CHECK(read({.tenant_id = one_.id}) ==
        where([&](const AuditEvent& entry) { return entry.event.tenant_id == one_.id; }));
  CHECK(read({.product = "mapping"}) ==
        where([](const AuditEvent& entry) { return entry.event.product == "mapping"; }));
  CHECK(read({.actor_id = "bob"}) ==
        where([](const AuditEvent& entry) { return entry.event.actor_id == "bob"; }));
  CHECK(read({.action = "pay"}) ==
        where([](const AuditEvent& entry) { return entry.event.action == "pay"; }));
  CHECK(read({.tenant_id = one_.id}).size() == 8 + 1);
  CHECK(read({.product = "mapping"}).size() == 12);
  CHECK(read({.actor_id = "bob"}).size() == 12);
  CHECK(read({.action = "pay"}).size() == 12);
}

TEST_CASE_METHOD(TrailTest, "audit_events: filters must all match, in every combination") {
  const unsigned combination = GENERATE(range(0U, 16U));
  const bool newest_first = GENERATE(false, true);
  CAPTURE(combination, newest_first);
  AuditQuery query;
  query.limit = 500;
  query.newest_first = newest_first;
  if ((combination & 1U) != 0) query.tenant_id = two_.id;
  if ((combination & 2U) != 0) query.product = "certifai";
  if ((combination & 4U) != 0) query.actor_id = "ada";
  if ((combination & 8U) != 0) query.action = "view";
  const Ids expected = where([&](const AuditEvent& entry) {
    const NewAuditEvent& event = entry.event;
    return (!query.tenant_id || event.tenant_id == query.tenant_id) &&
           (!query.product || event.product == query.product) &&
           (!query.actor_id || event.actor_id == query.actor_id) &&
           (!query.action || event.action == *query.action);
  });
  CHECK_FALSE(expected.empty());
  CHECK(read(query) == (newest_first ? reversed(expected) : expected));
  query.limit = 2;
  CHECK(walk(query) == (newest_first ? reversed(expected) : expected));
}

TEST_CASE_METHOD(TrailTest, "audit_events: a filter compares whole texts, byte by byte") {
  add(one_.id, "50%_off", "O'Neill \"🔑\"", "日本");
  CHECK(read({.product = "50%_off"}).size() == 1);
  CHECK(read({.actor_id = "O'Neill \"🔑\""}).size() == 1);
  CHECK(read({.action = "日本"}).size() == 1);
  for (const char* other : {"", "%", "50%", "50%_of_", "50%_OFF", "50%_off "}) {
    CAPTURE(other);
    CHECK(read({.product = other}).empty());
  }
  CHECK(read({.action = "pa"}).empty());
  CHECK(read({.action = "PAY"}).empty());
  CHECK(read({.actor_id = "ad_"}).empty());
}

TEST_CASE_METHOD(TrailTest, "audit_events: since is inclusive and until exclusive") {
  const auto entries = all();
  const std::size_t at = entries.size() / 2;
  const Timestamp moment = entries[at].created_at;
  const auto expected = [&](const Timestamp& since, const Timestamp& until) {
    return where([&](const AuditEvent& entry) {
      return entry.created_at >= since && entry.created_at < until;
    });
  };
  const Timestamp next = a_microsecond_after(moment);
  const Timestamp start{0};
  const Timestamp end = add_days(moment, 1);
  CHECK(read({.since = moment}) == expected(moment, end));
  CHECK(read({.since = next}) == expected(next, end));
  CHECK(read({.until = moment}) == expected(start, moment));
  CHECK(read({.until = next}) == expected(start, next));
  CHECK(read({.since = moment, .until = next}) == Ids{entries[at].id});
  CHECK(read({.since = moment, .until = moment}).empty());
  CHECK(read({.since = next, .until = moment}).empty());
  CHECK(read({.since = moment, .newest_first = true}) == reversed(expected(moment, end)));
}

TEST_CASE_METHOD(TrailTest, "audit_events: any moment that has a text may be a bound") {
  const Ids everything = read({.limit = 500});
  const Timestamp first = *Timestamp::parse("0001-01-01T00:00:00.000000Z");
  const Timestamp last = *Timestamp::parse("9999-12-31T23:59:59.999999Z");
  CHECK(read({.since = first, .until = last, .limit = 500}) == everything);
  CHECK(read({.since = last}).empty());
  CHECK(read({.until = first}).empty());
}

TEST_CASE_METHOD(TrailTest, "audit_events: everything together") {
  const Ids matching = where([&](const AuditEvent& entry) {
    return entry.event.tenant_id == two_.id && entry.event.product == "mapping" &&
           entry.event.actor_id == "bob" && entry.event.action == "view";
  });
  REQUIRE(matching.size() == 1);
  const auto entries = all();
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const AuditEvent& entry) { return entry.id == matching[0]; });
  AuditQuery query{.tenant_id = two_.id,
                   .product = "mapping",
                   .actor_id = "bob",
                   .action = "view",
                   .since = found->created_at,
                   .until = a_microsecond_after(found->created_at),
                   .cursor = found->id - 1,
                   .limit = 1,
                   .newest_first = false};
  CHECK(read(query) == matching);
  query.newest_first = true;
  query.cursor = found->id + 1;
  CHECK(read(query) == matching);
  query.cursor = found->id;
  CHECK(read(query).empty());
  query.newest_first = false;
  CHECK(read(query).empty());
}

TEST_CASE_METHOD(TrailTest, "audit_events: pages of any size give each entry once") {
  const int limit = GENERATE(1, 2, 3, 25, 26, 27, 500);
  const bool newest_first = GENERATE(false, true);
  CAPTURE(limit, newest_first);
  const Ids everything = read({.limit = 500});
  REQUIRE(everything.size() == 26);
  CHECK(walk({.limit = limit, .newest_first = newest_first}) ==
        (newest_first ? reversed(everything) : everything));
}

TEST_CASE_METHOD(EveryStore, "audit_events: a page of large entries ends early, and goes on") {
  AuditSubmission large;
  large.event.action = "large";
  large.event.metadata_json = R"({"t":")" + std::string(60'000, 't') + "\"}";
  large.retraced_json = large.event.metadata_json;
  // 120 kB each: 70 of them are enough for a page.
  const std::vector<AuditSubmission> events(150, large);
  const auto receipts = value_of(store().append_audit_events(everyone(), events));
  const bool newest_first = GENERATE(false, true);
  AuditQuery query{.limit = 500, .newest_first = newest_first};
  std::vector<std::int64_t> ids;
  std::vector<std::size_t> sizes;
  do {
    const AuditPage page = value_of(store().audit_events(everyone(), query));
    for (const AuditEvent& event : page.events) ids.push_back(event.id);
    sizes.push_back(page.events.size());
    query.cursor = page.next_cursor;
  } while (query.cursor && sizes.size() < 10);
  CHECK(sizes == std::vector<std::size_t>{70, 70, 10});
  std::vector<std::int64_t> expected;
  for (const AuditReceipt& receipt : receipts) expected.push_back(receipt.id);
  if (newest_first) std::reverse(expected.begin(), expected.end());
  CHECK(ids == expected);
}

TEST_CASE_METHOD(TrailTest, "audit_events: the last page has no cursor, also when it is full") {
  CHECK(value_of(store().audit_events(everyone(), {.limit = 25})).next_cursor.has_value());
  CHECK_FALSE(value_of(store().audit_events(everyone(), {.limit = 26})).next_cursor.has_value());
  CHECK_FALSE(value_of(store().audit_events(everyone(), {.limit = 27})).next_cursor.has_value());
}

TEST_CASE_METHOD(TrailTest, "audit_events: a reader that goes on later gets what came meanwhile") {
  const Ids before = read({.limit = 500});
  AuditQuery tail;
  tail.cursor = before.back();
  CHECK(read(tail).empty());
  add(one_.id, "certifai", "ada", "later");
  add(one_.id, "certifai", "ada", "later still");
  const AuditPage page = value_of(store().audit_events(everyone(), tail));
  REQUIRE(page.events.size() == 2);
  CHECK(page.events[0].event.action == "later");
  CHECK(page.events[1].event.action == "later still");
}

TEST_CASE_METHOD(TrailTest, "audit_events: cursors before, between and after all ids") {
  const Ids everything = read({.limit = 500});
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  CHECK(read({.cursor = 0}) == everything);
  CHECK(read({.cursor = kLargest}).empty());
  CHECK(read({.cursor = kLargest, .newest_first = true}) == reversed(everything));
  CHECK(read({.cursor = 0, .newest_first = true}).empty());
  CHECK(read({.cursor = everything[3]}) == Ids(everything.begin() + 4, everything.end()));
  CHECK(read({.cursor = everything[3], .newest_first = true}) ==
        reversed(Ids(everything.begin(), everything.begin() + 3)));
}

TEST_CASE_METHOD(TrailTest, "audit_events: an unknown tenant has no entries") {
  const AuditPage page = value_of(store().audit_events(everyone(), {.tenant_id = random_id()}));
  CHECK(page.events.empty());
  CHECK_FALSE(page.next_cursor);
}

TEST_CASE_METHOD(TrailTest, "audit_events: the entries of a deleted tenant stay, without it") {
  const Ids everything = read({.limit = 500});
  backend().delete_tenant(one_.id);
  CHECK(read({.tenant_id = one_.id}).empty());
  CHECK(read({.limit = 500}) == everything);
  CHECK_FALSE(all().at(2).event.tenant_id);
}

TEST_CASE_METHOD(TrailTest, "audit_events: the entries of changes are read like any other") {
  const auto entry =
      value_of(store().audit_events(everyone(), {.tenant_id = one_.id, .action = "tenant.create"}));
  REQUIRE(entry.events.size() == 1);
  CHECK(entry.events[0].event.target_name == one_.slug);
  CHECK(entry.events[0].event.source_ip == "203.0.113.7");
  CHECK(json_text(entry.events[0].event.metadata_json, "slug") == one_.slug);
  CHECK_FALSE(entry.events[0].retraced_json);
}

}  // namespace
}  // namespace registry::test
