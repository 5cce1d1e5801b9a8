#include <optional>
#include <string>

#include "common/app/app.h"
#include "tests/support/catch.h"

namespace registry {
namespace {

Response answer(const std::string& if_none_match, const std::string& body = "{\"a\":1}") {
  Request request;
  request.if_none_match = if_none_match;
  return conditional_response(request, body);
}

std::optional<std::string> header(const Response& response, const std::string& name) {
  for (const http::Header& header : response.headers) {
    if (header.name == name) return header.value;
  }
  return std::nullopt;
}

const std::string& tag() {
  static const std::string kTag = *header(answer(""), "ETag");
  return kTag;
}

TEST_CASE("conditional_response: has a strong tag that depends on the body alone") {
  CHECK(tag().size() > 2);
  CHECK(tag().front() == '"');
  CHECK(tag().back() == '"');
  CHECK(header(answer("\"x\""), "ETag") == tag());
  CHECK(header(answer("", "{\"a\":2}"), "ETag") != tag());
}

TEST_CASE("conditional_response: without a condition the body is sent") {
  const Response response = answer("");
  CHECK(response.status == 200);
  CHECK(response.body == "{\"a\":1}");
  CHECK(header(response, "Cache-Control") == "no-cache");
}

TEST_CASE("conditional_response: a client that has the body gets 304, with the same headers") {
  const std::string condition =
      GENERATE(as<std::string>(), "T", "W/T", "*", " * ", "\"other\", T", "\"other\",T,\"more\"",
               "W/\"other\" ,\tW/T", ", ,T", "\"a,b\", T", "\"\", T", "  T  ");
  std::string value = condition;
  if (const auto at = value.find('T'); at != std::string::npos) value.replace(at, 1, tag());
  CAPTURE(value);
  const Response response = answer(value);
  CHECK(response.status == 304);
  CHECK(response.body.empty());
  CHECK(header(response, "ETag") == tag());
  CHECK(header(response, "Cache-Control") == "no-cache");
}

TEST_CASE("conditional_response: any other condition gets the body") {
  const std::string bare = tag().substr(1, tag().size() - 2);
  const auto value =
      GENERATE_COPY(as<std::string>(), "\"other\"", "W/\"other\"", "\"*\"", ",", " ", "\"", "W/",
                    "W/\"", bare, "\"" + bare, bare + "\"", "w/" + tag(), "\"" + bare + "x\"",
                    "\"x" + bare + "\"", "garbage " + tag(), "\"a\" x " + tag());
  CAPTURE(value);
  const Response response = answer(value);
  CHECK(response.status == 200);
  CHECK(response.body == "{\"a\":1}");
}

}  // namespace
}  // namespace registry
