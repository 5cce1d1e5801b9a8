#include "common/http/response.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "tests/support/catch.h"

namespace registry::http {
namespace {

struct Row {
  ErrorCode error;
  std::string code;
  int status;
  std::string title;
};

// As the API's page lists them.
const std::vector<Row>& error_table() {
  static const std::vector<Row> kRows = {
      {ErrorCode::kInvalidRequest, "invalid_request", 400, "Invalid request"},
      {ErrorCode::kUnauthenticated, "unauthenticated", 401, "Unauthenticated"},
      {ErrorCode::kForbidden, "forbidden", 403, "Forbidden"},
      {ErrorCode::kNotFound, "not_found", 404, "Not found"},
      {ErrorCode::kMethodNotAllowed, "method_not_allowed", 405, "Method not allowed"},
      {ErrorCode::kConflict, "conflict", 409, "Conflict"},
      {ErrorCode::kSlugTaken, "slug_taken", 409, "Slug taken"},
      {ErrorCode::kNameTaken, "name_taken", 409, "Name taken"},
      {ErrorCode::kInvalidTransition, "invalid_transition", 409, "Invalid transition"},
      {ErrorCode::kTenantFrozen, "tenant_frozen", 409, "Tenant frozen"},
      {ErrorCode::kTenantArchived, "tenant_archived", 409, "Tenant archived"},
      {ErrorCode::kAlreadyEntitled, "already_entitled", 409, "Already entitled"},
      {ErrorCode::kTrialAlreadyUsed, "trial_already_used", 409, "Trial already used"},
      {ErrorCode::kTrialNotOffered, "trial_not_offered", 409, "Trial not offered"},
      {ErrorCode::kKeyReused, "idempotency_key_reused", 422, "Idempotency key reused"},
      {ErrorCode::kTooLarge, "too_large", 413, "Request too large"},
      {ErrorCode::kUnsupportedMediaType, "unsupported_media_type", 415, "Unsupported media type"},
      {ErrorCode::kRateLimited, "rate_limited", 429, "Too many requests"},
      {ErrorCode::kUnavailable, "unavailable", 503, "Service unavailable"},
      {ErrorCode::kInternal, "internal", 500, "Internal error"},
  };
  return kRows;
}

TEST_CASE("problem_response: every error code has its status, code and title") {
  // The last of the enumeration; a code that is added belongs into the table.
  REQUIRE(error_table().size() == static_cast<std::size_t>(ErrorCode::kInternal) + 1);
  for (const Row& row : error_table()) {
    CAPTURE(row.code);
    const Response response = problem_response(failure(row.error, "Some detail."), "id-1");
    CHECK(response.status == row.status);
    CHECK(response.content_type == "application/problem+json");
    CHECK(nlohmann::json::parse(response.body) ==
          nlohmann::json{{"type", "urn:tenant-registry:problem:" + row.code},
                         {"title", row.title},
                         {"status", row.status},
                         {"detail", "Some detail."},
                         {"code", row.code},
                         {"request_id", "id-1"}});
  }
}

TEST_CASE("problem_response: every status of an error can be put into a head") {
  for (const Row& row : error_table()) {
    const Response response = problem_response(failure(row.error, "x"), "id");
    CHECK(response_head(response, 1).starts_with("Status: " + std::to_string(row.status) + " "));
  }
}

TEST_CASE("problem_response: the members are in their order") {
  CHECK(problem_response(not_found("There is no such tenant."), "id-1").body ==
        R"({"type":"urn:tenant-registry:problem:not_found","title":"Not found","status":404,)"
        R"("detail":"There is no such tenant.","code":"not_found","request_id":"id-1"})");
}

TEST_CASE("problem_response: every bad member is listed") {
  const Error error = invalid_request("Wrong.", {{.field = "slug", .message = "must \"match\""},
                                                 {.field = "name", .message = "is required"}});
  CHECK(
      problem_response(error, "id-1").body ==
      R"({"type":"urn:tenant-registry:problem:invalid_request","title":"Invalid request",)"
      R"("status":400,"detail":"Wrong.","code":"invalid_request","request_id":"id-1","errors":[)"
      R"({"field":"slug","message":"must \"match\""},{"field":"name","message":"is required"}]})");
}

TEST_CASE("problem_response: a forbidden transition tells the status that stands") {
  CHECK(problem_response(invalid_transition("No.", "demo"), "id-1").body ==
        R"({"type":"urn:tenant-registry:problem:invalid_transition",)"
        R"("title":"Invalid transition","status":409,"detail":"No.",)"
        R"("code":"invalid_transition","request_id":"id-1","tenant_status":"demo"})");
}

TEST_CASE("problem_response: Retry-After is sent where trying again helps, and nowhere else") {
  for (const Row& row : error_table()) {
    CAPTURE(row.code);
    const std::string head = response_head(problem_response(failure(row.error, "x"), "id"), 1);
    const bool helps = row.status == 429 || row.status == 503;
    CHECK((head.find("Retry-After: 1\r\n") != std::string::npos) == helps);
  }
}

TEST_CASE("response_head: status, type and length, then the other headers, then an empty line") {
  Response response = json_response(201, "{}");
  response.headers = {{.name = "Location", .value = "/v1/tenants/x"},
                      {.name = "ETag", .value = "\"abc\""}};
  CHECK(response_head(response, 2) ==
        "Status: 201 Created\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 2\r\n"
        "Location: /v1/tenants/x\r\n"
        "ETag: \"abc\"\r\n"
        "\r\n");
}

TEST_CASE("response_head: 204 and 304 describe no content") {
  for (const int status : {204, 304}) {
    Response response = json_response(status, {});
    response.headers = {{.name = "ETag", .value = "\"abc\""}};
    const std::string head = response_head(response, 0);
    CHECK(head.find("Content-") == std::string::npos);
    CHECK(head.ends_with("\r\nETag: \"abc\"\r\n\r\n"));
  }
  CHECK(response_head(json_response(204, {}), 0) == "Status: 204 No Content\r\n\r\n");
}

TEST_CASE("response_head: an empty body has its length told") {
  CHECK(response_head(json_response(200, {}), 0).find("Content-Length: 0\r\n") !=
        std::string::npos);
}

TEST_CASE("response_head: a control character in a header is refused, not sent") {
  for (const std::string control : {"\r\nX: y", "\n", "\r", "\t", "\x01", "\x7F"}) {
    Response response = json_response(200, {});
    response.headers = {{.name = "Location", .value = "/x" + control}};
    CHECK_THROWS_AS(response_head(response, 0), std::logic_error);
    response.headers = {{.name = "X" + control, .value = "y"}};
    CHECK_THROWS_AS(response_head(response, 0), std::logic_error);
    response.headers = {};
    response.content_type = "text/plain" + control;
    CHECK_THROWS_AS(response_head(response, 0), std::logic_error);
  }
  Response response = json_response(200, {});
  response.headers = {{.name = "X", .value = std::string("a\0b", 3)}};
  CHECK_THROWS_AS(response_head(response, 0), std::logic_error);
}

TEST_CASE("response_head: a header may hold text that is not ASCII") {
  Response response = json_response(200, {});
  response.headers = {{.name = "X", .value = "\xC3\xA4"}};
  CHECK(response_head(response, 0).find("X: \xC3\xA4\r\n") != std::string::npos);
}

TEST_CASE("response_head: a status that nobody planned is refused") {
  CHECK_THROWS_AS(response_head(json_response(299, {}), 0), std::logic_error);
  CHECK_THROWS_AS(response_head(json_response(0, {}), 0), std::logic_error);
}

}  // namespace
}  // namespace registry::http
