#include "common/http/retraced.h"

#include <array>
#include <cstdint>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/app/audit_input.h"
#include "common/crypto/audit_hash.h"
#include "common/store/audit_metadata.h"
#include "tests/support/catch.h"

namespace registry::http {
namespace {

using nlohmann::json;

// "" where the member is left out.
std::string given_back(const AuditEvent& entry) {
  JsonWriter writer;
  writer.begin_object();
  write_retraced_event(writer, "r", entry);
  writer.end_object();
  const std::string object = writer.str();
  constexpr std::string_view kOpening = R"({"r":)";
  if (!object.starts_with(kOpening)) return object == "{}" ? "" : object;
  return object.substr(kOpening.size(), object.size() - kOpening.size() - 1);
}

AuditEvent stored(std::string retraced_json) {
  AuditEvent entry;
  entry.event.action = "a";
  entry.retraced_json = std::move(retraced_json);
  return entry;
}

TEST_CASE("write_retraced_event: an event of an action alone") {
  CHECK(given_back(stored(R"({"hash":"ab"})")) == R"({"action":"a","hash":"ab"})");
}

TEST_CASE("write_retraced_event: columns and the rest make one event, in a stable order") {
  AuditEvent entry = stored(R"({"hash":"ab","external_id":"e","version":"1","metadata":{},)"
                            R"("fields":{ "b":"\u0001","a":"" },"is_anonymous":false,)"
                            R"("is_failure":true,"description":"d\n","source_ip":"::0",)"
                            R"("created":"x","target":{"fields":{},"href":"th"},)"
                            R"("actor":{"href":"ah"},"group":{"name":"g"},"crud":"c"})");
  entry.event.actor_id = "ai";
  entry.event.target_type = "tt";
  entry.event.product = "p";
  entry.event.source_ip = "::";
  CHECK(given_back(entry) ==
        R"({"action":"a","crud":"c","group":{"name":"g"},"actor":{"id":"ai","href":"ah"},)"
        R"("target":{"type":"tt","href":"th","fields":{}},"created":"x","source_ip":"::0",)"
        R"("description":"d\n","is_failure":true,"is_anonymous":false,)"
        R"("fields":{ "b":"\u0001","a":"" },"component":"p","version":"1","external_id":"e",)"
        R"("metadata":{},"hash":"ab"})");
  entry.event.metadata_json = R"({"k":"v"})";
  CHECK(json::parse(given_back(entry)).at("metadata") == json{{"k", "v"}});
}

TEST_CASE("write_retraced_event: members that nobody received are left out") {
  CHECK(given_back(stored(R"({"crud":null,"version":5,"x":"y","actor":"z","hash":"ab"})")) ==
        R"({"action":"a","actor":{},"hash":"ab"})");
}

TEST_CASE("write_retraced_event: what is no object with a hash leaves the member out") {
  for (const std::string text : {"", "[]", "\"x\"", "{", "null", "{}", "{\"hash\":1}"}) {
    CHECK(given_back(stored(text)).empty());
  }
  AuditEvent entry = stored("{}");
  entry.retraced_json.reset();
  CHECK(given_back(entry).empty());
}

// Events of every shape, the same ones in each run.
class RandomEvents {
 public:
  json next() {
    json event = {{"action", text()}, {"is_failure", one_in(2)}};
    for (const char* path : {"/crud", "/group/name", "/actor/id", "/actor/name", "/actor/href",
                             "/target/id", "/target/name", "/target/type", "/target/href",
                             "/description", "/component", "/version", "/external_id"}) {
      if (one_in(2)) event[json::json_pointer(path)] = one_in(6) ? "" : text();
    }
    for (const char* path : {"/actor/fields", "/target/fields", "/fields", "/metadata"}) {
      if (one_in(2)) event[json::json_pointer(path)] = map();
    }
    if (one_in(2)) event["/group/id"_json_pointer] = pick(group_ids_);
    if (one_in(2)) event["created"] = pick(moments_);
    if (one_in(2)) event["source_ip"] = pick(addresses_);
    if (one_in(2)) event["is_anonymous"] = one_in(2);
    if (one_in(4)) event["crud"] = nullptr;
    return event;
  }

  bool one_in(std::uint64_t count) { return random_() % count == 0; }

 private:
  using Words = std::array<const char*, 4>;

  template <class Choices>
  std::string pick(const Choices& choices) {
    return choices.at(random_() % choices.size());
  }

  std::string text() {
    std::string all;
    for (std::uint64_t count = 1 + random_() % 6; count > 0; --count) all += pick(pieces_);
    return all;
  }

  json map() {
    json map = json::object();
    for (std::uint64_t count = random_() % 4; count > 0; --count)
      map[text()] = one_in(4) ? "" : text();
    if (one_in(4)) map["type"] = text();
    return map;
  }

  std::mt19937_64 random_{20'260'519};
  const std::array<const char*, 12> pieces_ = {
      "a",    "\"",       "\\",           "/",    "\n",   "\x01",
      "\x7F", "\xC3\xA4", "\xE2\x80\xA8", "%:=;", " \t ", "\xF0\x9F\x98\x80"};
  const Words group_ids_ = {"acme", "0123ABCD-0000-0000-0000-00000000ABCD", "", "a-1"};
  const Words moments_ = {"2026-05-19t12:10:15.123456789+02:00", "0001-01-01T00:00:00Z", "",
                          "1969-12-31T23:59:60Z"};
  const Words addresses_ = {"2001:DB8:0::1", "192.0.2.1", "", "::FFFF:192.0.2.1"};
};

// The event without what counts as absent in Retraced's form.
json significant(json event) {
  for (const char* name : {"group", "actor", "target"}) {
    if (!event.contains(name)) continue;
    event[name] = significant(event[name]);
    if (event[name].empty()) event.erase(name);
  }
  for (auto member = event.begin(); member != event.end();) {
    const bool is_absent =
        member.value().is_null() || member.value() == json("") ||
        (member.key() == "created" && member.value().get<std::string>().starts_with("0001-"));
    member = is_absent ? event.erase(member) : std::next(member);
  }
  return event;
}

// What a store keeps of an event, and gives back.
AuditEvent kept(const AuditSubmission& submission, const std::string& hash) {
  json metadata = json::parse(
      metadata_with_reserved(submission.event.metadata_json, *submission.retraced_json, hash));
  AuditEvent entry;
  entry.event = submission.event;
  entry.retraced_json = metadata.at(kReservedMetadataKey).dump();
  metadata.erase(std::string(kReservedMetadataKey));
  entry.event.metadata_json = metadata.dump();
  return entry;
}

TEST_CASE("write_retraced_event: an event comes back as it was received, with its hash") {
  RandomEvents events;
  for (int i = 0; i < 500; ++i) {
    const json event = events.next();
    Request request;
    request.body = event.dump(events.one_in(2) ? -1 : 2, ' ', /*ensure_ascii=*/events.one_in(2));
    CAPTURE(request.body);
    const auto batch = read_audit_batch(request);
    REQUIRE(batch);
    const AuditSubmission& submission = batch->submissions.front();
    const std::string hash = crypto::audit_hash("17", submission.hash_tail);
    json expected = significant(event);
    expected["hash"] = hash;
    CHECK(json::parse(given_back(kept(submission, hash))) == expected);
  }
}

}  // namespace
}  // namespace registry::http
