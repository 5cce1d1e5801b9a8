#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/app/audit_input.h"
#include "common/http/input.h"
#include "tests/support/catch.h"

// What the tests of read_audit_batch() share.
namespace registry::test {

using nlohmann::json;
using Pointer = json::json_pointer;

inline constexpr const char* kSmiley = "\xF0\x9F\x98\x80";
inline const std::string kId = "0123abcd-0000-0000-0000-00000000ABCD";
inline const std::string kCanonicalId = "0123abcd-0000-0000-0000-00000000abcd";

[[nodiscard]] inline Result<AuditBatch> read(std::string body) {
  http::Request request;
  request.body = std::move(body);
  auto batch = read_audit_batch(request);
  if (batch && !batch->errors.empty()) return fail(http::invalid_members(batch->errors));
  return batch;
}

// The only event of a body that is accepted.
[[nodiscard]] inline AuditSubmission submission(const std::string& body) {
  CAPTURE(body);
  const auto batch = read(body);
  REQUIRE(batch);
  REQUIRE(batch->submissions.size() == 1);
  return batch->submissions.front();
}

[[nodiscard]] inline AuditSubmission submission(const json& body) {
  return submission(body.dump());
}

[[nodiscard]] inline Error refusal(const std::string& body) {
  const auto batch = read(body);
  INFO(body.substr(0, 1000));
  REQUIRE_FALSE(batch);
  CHECK(batch.error().code == ErrorCode::kInvalidRequest);
  CHECK_FALSE(batch.error().detail.empty());
  return batch.error();
}

[[nodiscard]] inline std::vector<FieldError> mistakes(const json& body) {
  return refusal(body.dump()).fields;
}

// The name of the only member that is wrong.
[[nodiscard]] inline std::string wrong_member(const json& body) {
  const auto fields = mistakes(body);
  REQUIRE(fields.size() == 1);
  return fields.front().field;
}

[[nodiscard]] inline bool is_unknown(const FieldError& error) {
  return error.message == "is not a known member";
}

[[nodiscard]] inline std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

[[nodiscard]] inline json own_event() {
  return {{"action", "a"}};
}

[[nodiscard]] inline json retraced_event() {
  return {{"action", "a"}, {"crud", "c"}};
}

// As errors name a member: "/actor/name" is actor.name.
[[nodiscard]] inline std::string dotted(std::string pointer) {
  for (char& c : pointer) c = c == '/' ? '.' : c;
  return pointer.substr(1);
}

[[nodiscard]] inline const std::vector<std::string>& own_texts() {
  static const std::vector<std::string> kTexts = {"/actor_id",    "/actor_name", "/actor_type",
                                                  "/action",      "/target_id",  "/target_type",
                                                  "/target_name", "/product",    "/user_agent"};
  return kTexts;
}

// With the largest number of characters of each.
[[nodiscard]] inline const std::map<std::string, std::size_t>& retraced_texts() {
  static const std::map<std::string, std::size_t> kTexts = {
      {"/action", 255},      {"/crud", 255},         {"/group/name", 255}, {"/actor/id", 255},
      {"/actor/name", 255},  {"/actor/href", 4096},  {"/target/id", 255},  {"/target/name", 255},
      {"/target/type", 255}, {"/target/href", 4096}, {"/component", 255},  {"/version", 255},
      {"/external_id", 255}, {"/description", 4096}};
  return kTexts;
}

[[nodiscard]] inline const std::vector<std::string>& retraced_maps() {
  static const std::vector<std::string> kMaps = {"/actor/fields", "/target/fields", "/fields",
                                                 "/metadata"};
  return kMaps;
}

[[nodiscard]] inline json full_retraced_event() {
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

}  // namespace registry::test
