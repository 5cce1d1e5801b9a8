#include "common/http/request.h"

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/input.h"
#include "tests/support/catch.h"

namespace registry::http {
namespace {

constexpr std::array<std::string_view, 2> kParameters = {"tenant_id", "product"};

Operation get(std::string_view route) {
  return {.id = "op", .method = "GET", .route = route, .query_parameters = {}};
}

Operation get_with_query() {
  return {.id = "op", .method = "GET", .route = "/v1/things", .query_parameters = kParameters};
}

Operation post(BodyUse body) {
  return {.id = "op",
          .method = "POST",
          .route = "/v1/things",
          .query_parameters = {},
          .body = body,
          .body_limit_bytes = 100};
}

// As the boundary does for a caller who may call.
Status resolve(const Operation& operation, Request& request) {
  if (auto status = resolve_path(operation, request); !status) return status;
  return resolve_input(operation, request);
}

Request request_for(std::string method, std::string target) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

Request post_of(std::string body, std::string content_type = "application/json") {
  Request request = request_for("POST", "/v1/things");
  request.body = std::move(body);
  request.content_type = std::move(content_type);
  return request;
}

// Nothing when the request is accepted.
std::optional<ErrorCode> refusal(const Operation& operation, Request request) {
  const Status status = resolve(operation, request);
  if (status) return std::nullopt;
  return status.error().code;
}

std::optional<ErrorCode> path_refusal(std::string_view route, std::string target) {
  return refusal(get(route), request_for("GET", std::move(target)));
}

// The errors that a function's QueryReader reports for the target.
std::vector<FieldError> query_errors(const std::string& query) {
  Request request = request_for("GET", "/v1/things?" + query);
  REQUIRE(resolve(get_with_query(), request));
  QueryReader reader(request);
  [[maybe_unused]] const auto tenant_id = reader.required("tenant_id", parse_uuid);
  [[maybe_unused]] const auto product = reader.optional("product", ProductId::parse);
  const Status status = reader.finish();
  if (status) return {};
  CHECK(status.error().code == ErrorCode::kInvalidRequest);
  return status.error().fields;
}

const std::string kIdText = "0123abcd-ef01-7456-89ab-cdef01234567";

TEST_CASE("resolve: a path is matched segment by segment") {
  CHECK_FALSE(path_refusal("/healthz", "/healthz"));
  CHECK_FALSE(path_refusal("/v1/catalog", "/v1/catalog"));
  CHECK_FALSE(path_refusal("/v1/catalog", "/v1/catalog?"));
  CHECK_FALSE(path_refusal("/v1/tenants/{id}/activate", "/v1/tenants/x/activate"));
}

TEST_CASE("resolve: another spelling of a path is not found") {
  const auto target = GENERATE(
      as<std::string>(), "", "/", "v1/catalog", "/v1/catalog/", "/v1//catalog", "//v1/catalog",
      "/V1/catalog", "/v1/Catalog", "/v1/catalo", "/v1/catalogs", "/v1/catalog/x", "/v1", "/v1/",
      "/v1/./catalog", "/v1/x/../catalog", "/v1%2Fcatalog", "/v1/catalog%2F", "/v1/catalog%",
      "/v1/catalog%0", "/v1/catalog%zz", "/v1/catalog%00", "/v1/catalog#x", "/v1/catalog;x=1", "*",
      "http://host/v1/catalog", "/v1/catalog%20", "/v1/cat\xFFlog", "/v1/catalog%C0%AF");
  CAPTURE(target);
  CHECK(path_refusal("/v1/catalog", target) == ErrorCode::kNotFound);
}

TEST_CASE("resolve: percent-encoding does not change which path it is") {
  CHECK_FALSE(path_refusal("/v1/catalog", "/v1/c%61talog"));
  CHECK_FALSE(path_refusal("/v1/catalog", "/%76%31/catalo%67"));
}

TEST_CASE("resolve: a parameter of the path is decoded once") {
  const auto value_of = [](const std::string& segment) {
    Request request = request_for("GET", "/v1/tenants/by-slug/" + segment);
    REQUIRE(resolve(get("/v1/tenants/by-slug/{slug}"), request));
    return request.path_parameter("slug");
  };
  CHECK(value_of("acme") == "acme");
  CHECK(value_of("ac%6De") == "acme");
  CHECK(value_of("a%2fb%2F") == "a/b/");
  CHECK(value_of("a+b") == "a+b");
  CHECK(value_of("%2541") == "%41");
  CHECK(value_of("%C3%a4") == "\xC3\xA4");
  CHECK(value_of("a=b&c") == "a=b&c");
}

TEST_CASE("resolve: a parameter that is empty or malformed is not found") {
  const auto segment = GENERATE(as<std::string>(), "", "%", "%4", "%4x", "%x4", "a%00b", "%FF",
                                "%C0%AF", "%ED%A0%80", "a/b", "a/", "\xFF");
  CAPTURE(segment);
  CHECK(path_refusal("/v1/tenants/{id}", "/v1/tenants/" + segment) == ErrorCode::kNotFound);
}

TEST_CASE("resolve: several parameters keep their names") {
  Request request = request_for("GET", "/v1/a/1/b/2");
  REQUIRE(resolve(get("/v1/a/{x}/b/{y}"), request));
  CHECK(request.path_parameter("x") == "1");
  CHECK(request.path_parameter("y") == "2");
  CHECK_THROWS_AS(request.path_parameter("z"), std::logic_error);
}

TEST_CASE("path_uuid: a path id that is no UUID is not found") {
  Request request = request_for("GET", "/v1/tenants/" + kIdText);
  REQUIRE(resolve(get("/v1/tenants/{id}"), request));
  CHECK(request.path_uuid("id").value().to_string() == kIdText);
  request = request_for("GET", "/v1/tenants/x");
  REQUIRE(resolve(get("/v1/tenants/{id}"), request));
  CHECK(request.path_uuid("id").error().code == ErrorCode::kNotFound);
}

TEST_CASE("path_slug: what can be no slug is not found") {
  Request request = request_for("GET", "/v1/tenants/by-slug/acme");
  REQUIRE(resolve(get("/v1/tenants/by-slug/{slug}"), request));
  CHECK(request.path_slug("slug").value().str() == "acme");
  for (const std::string segment : {"a%2Fb", "ACME", "a"}) {
    request = request_for("GET", "/v1/tenants/by-slug/" + segment);
    REQUIRE(resolve(get("/v1/tenants/by-slug/{slug}"), request));
    CHECK(request.path_slug("slug").error().code == ErrorCode::kNotFound);
  }
}

TEST_CASE("resolve: HEAD works where GET does, and nowhere else") {
  CHECK_FALSE(refusal(get("/v1/things"), request_for("HEAD", "/v1/things")));
  CHECK(refusal(post(BodyUse::kOptional), request_for("HEAD", "/v1/things")) ==
        ErrorCode::kMethodNotAllowed);
}

TEST_CASE("resolve: another method of a path that exists is not allowed") {
  const auto method = GENERATE(as<std::string>(), "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
                               "TRACE", "get", "Get", "", "GET ");
  CAPTURE(method);
  CHECK(refusal(get("/v1/things"), request_for(method, "/v1/things")) ==
        ErrorCode::kMethodNotAllowed);
}

TEST_CASE("resolve: not found comes before not allowed, and both before a bad query or body") {
  CHECK(refusal(get("/v1/things"), request_for("POST", "/v1/thing?x=1")) == ErrorCode::kNotFound);
  CHECK(refusal(get("/v1/things"), request_for("POST", "/v1/things?x=1")) ==
        ErrorCode::kMethodNotAllowed);
  Request request = post_of(std::string(1000, 'x'), "text/plain");
  request.method = "PUT";
  CHECK(refusal(post(BodyUse::kRequired), request) == ErrorCode::kMethodNotAllowed);
}

TEST_CASE("allowed_methods: as an Allow header lists them") {
  CHECK(allowed_methods(get("/x")) == "GET, HEAD");
  CHECK(allowed_methods(post(BodyUse::kNone)) == "POST");
}

TEST_CASE("resolve: query parameters are decoded") {
  Request request = request_for("GET", "/v1/things?product=a%2Eb&tenant%5fid=" + kIdText);
  REQUIRE(resolve(get_with_query(), request));
  QueryReader reader(request);
  CHECK(reader.required("tenant_id", parse_uuid)->to_string() == kIdText);
  CHECK(reader.optional("product", ProductId::parse)->str() == "a.b");
  CHECK(reader.finish());
}

TEST_CASE("resolve: a plus in a query is a space, an encoded plus is a plus") {
  Request request = request_for("GET", "/v1/things?product=a+b%2Bc=d?e/f");
  REQUIRE(resolve(get_with_query(), request));
  CHECK(request.query_parameters.at(0).value == "a b+c=d?e/f");
}

TEST_CASE("QueryReader: a good query has no errors") {
  CHECK(query_errors("tenant_id=" + kIdText).empty());
  CHECK(query_errors("&&tenant_id=" + kIdText).size() == 1);
}

TEST_CASE("QueryReader: a missing parameter is named") {
  CHECK(query_errors("product=x") ==
        std::vector<FieldError>{{.field = "tenant_id", .message = "is required"}});
}

TEST_CASE("QueryReader: unknown, repeated and invalid parameters are all named at once") {
  const auto errors = query_errors("colour=red&product=a&product=a&tenant_id=x&Product=b");
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].field == "colour");
  CHECK(errors[1] == FieldError{.field = "product", .message = "is given more than once"});
  CHECK(errors[2].field == "Product");
  CHECK(errors[3] == FieldError{.field = "tenant_id", .message = "must be a UUID"});
}

TEST_CASE("QueryReader: an empty parameter is refused, once") {
  for (const std::string pair : {"tenant_id=", "tenant_id"}) {
    CHECK(query_errors(pair) ==
          std::vector<FieldError>{{.field = "tenant_id", .message = "must not be empty"}});
  }
  CHECK(query_errors("tenant_id=" + kIdText + "&product=").size() == 1);
}

TEST_CASE("QueryReader: a malformed parameter is refused, once") {
  for (const std::string value : {"%", "%4", "%zz", "%00", "%FF", "%C0%AF", "\xFF", "%ED%A0%80"}) {
    CAPTURE(value);
    CHECK(query_errors("tenant_id=" + kIdText + "&product=" + value).size() == 1);
    const auto errors = query_errors("tenant_id=" + value);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].field == "tenant_id");
    CHECK(errors[0].message != "is required");
  }
}

TEST_CASE("QueryReader: a malformed or unknown name is repeated without what could do harm") {
  for (const std::string name : {"a%0D%0Ab", "%FFx", "\xFFx", "%", ""}) {
    const auto errors = query_errors("tenant_id=" + kIdText + "&" + name + "=1");
    REQUIRE(errors.size() == 1);
    for (const char c : errors[0].field) CHECK((c >= 0x20 && c < 0x7F));
  }
  const auto errors = query_errors("tenant_id=" + kIdText + "&" + std::string(9999, 'x') + "=1");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].field.size() == 255);
}

TEST_CASE("resolve: an operation without parameters refuses any query") {
  const auto query = GENERATE(as<std::string>(), "x=1", "x", "=", "%", "=1", "a=1&b=2");
  CAPTURE(query);
  CHECK(path_refusal("/v1/catalog", "/v1/catalog?" + query) == ErrorCode::kInvalidRequest);
  Request request = post_of("{}");
  request.target += "?" + query;
  CHECK(refusal(post(BodyUse::kOptional), request) == ErrorCode::kInvalidRequest);
}

TEST_CASE("resolve: an unknown parameter that is repeated is refused once") {
  CHECK(query_errors("tenant_id=" + kIdText + "&x=1&x=2").size() == 1);
}

TEST_CASE("resolve: a query with too many parameters is refused") {
  std::string query = "a0=1";
  for (int i = 1; i < 64; ++i) query += "&a" + std::to_string(i) + "=1";
  Request request = request_for("GET", "/v1/things?" + query);
  CHECK(resolve(get_with_query(), request));
  CHECK(request.query_errors.size() == 64);
  request = request_for("GET", "/v1/things?" + query + "&a64=1");
  CHECK(resolve(get_with_query(), request).error().code == ErrorCode::kInvalidRequest);
}

TEST_CASE("resolve: a body on an operation that takes none is ignored, whatever it is") {
  Request request = request_for("GET", "/v1/things");
  request.body = "garbage";
  request.content_type = "text/plain";
  request.body_too_large = true;
  request.body_truncated = true;
  REQUIRE(resolve(get("/v1/things"), request));
  CHECK(request.body.empty());
}

TEST_CASE("resolve: a required body must be there, an optional one need not") {
  CHECK(refusal(post(BodyUse::kRequired), post_of("")) == ErrorCode::kInvalidRequest);
  CHECK_FALSE(refusal(post(BodyUse::kOptional), post_of("")));
  CHECK_FALSE(refusal(post(BodyUse::kOptional), post_of("", "text/plain")));
  CHECK_FALSE(refusal(post(BodyUse::kRequired), post_of("{}")));
}

TEST_CASE("resolve: a body is accepted up to the limit") {
  CHECK_FALSE(refusal(post(BodyUse::kRequired), post_of(std::string(100, ' '))));
  CHECK(refusal(post(BodyUse::kRequired), post_of(std::string(101, ' '))) == ErrorCode::kTooLarge);
  Request request = post_of(std::string(100, ' '));
  request.body_too_large = true;
  CHECK(refusal(post(BodyUse::kRequired), request) == ErrorCode::kTooLarge);
}

TEST_CASE("resolve: a body that is cut short is no shorter body") {
  for (const std::string body : {"", "{}", "{\"a\":1"}) {
    Request request = post_of(body);
    request.body_truncated = true;
    CHECK(refusal(post(BodyUse::kOptional), request) == ErrorCode::kInvalidRequest);
    CHECK(refusal(post(BodyUse::kRequired), request) == ErrorCode::kInvalidRequest);
  }
}

TEST_CASE("resolve: every spelling of the JSON content type is accepted") {
  const auto type = GENERATE(as<std::string>(), "application/json", "Application/JSON",
                             "application/json; charset=utf-8", "application/json;charset=UTF-8",
                             "application/json ; charset=\"utf-8\"", "application/json;",
                             "application/json; profile=x", " application/json", "");
  CAPTURE(type);
  CHECK_FALSE(refusal(post(BodyUse::kRequired), post_of("{}", type)));
}

TEST_CASE("resolve: any other content type is refused") {
  const auto type =
      GENERATE(as<std::string>(), "text/plain", "application/x-www-form-urlencoded",
               "multipart/form-data; boundary=x", "application/jsonx", "application/problem+json",
               "application/json-seq", "text/json", "json", "application/json; charset=latin1",
               "application/json; charset=utf-16", "application/json; profile=x; charset=latin1",
               "text/plain; application/json", "application/json, text/plain", ";", "*/*");
  CAPTURE(type);
  CHECK(refusal(post(BodyUse::kRequired), post_of("{}", type)) == ErrorCode::kUnsupportedMediaType);
}

TEST_CASE("resolve: an operation that takes any content type refuses none") {
  Operation operation = post(BodyUse::kOptional);
  operation.any_content_type = true;
  const auto type = GENERATE(as<std::string>(), "text/plain", "application/x-www-form-urlencoded",
                             "application/json; charset=latin1", "application/json", ";", "");
  CAPTURE(type);
  CHECK_FALSE(refusal(operation, post_of("{}", type)));
  CHECK_FALSE(refusal(operation, post_of("", type)));
}

TEST_CASE("resolve: a body of any content type is still too large, cut short or missing") {
  Operation operation = post(BodyUse::kRequired);
  operation.any_content_type = true;
  CHECK(refusal(operation, post_of(std::string(101, 'x'), "text/plain")) == ErrorCode::kTooLarge);
  CHECK(refusal(operation, post_of("", "text/plain")) == ErrorCode::kInvalidRequest);
  Request request = post_of("{}", "text/plain");
  request.body_truncated = true;
  CHECK(refusal(operation, request) == ErrorCode::kInvalidRequest);
}

TEST_CASE("resolve: too large is told before the wrong type") {
  CHECK(refusal(post(BodyUse::kRequired), post_of(std::string(101, ' '), "text/plain")) ==
        ErrorCode::kTooLarge);
}

TEST_CASE("is_request_id: 1 to 64 characters that are safe in a log and a header") {
  CHECK(is_request_id("a"));
  CHECK(is_request_id("AZaz09._-"));
  CHECK(is_request_id(std::string(64, 'f')));
  for (const std::string text :
       {"", " ", "a b", "a\n", "a\r\nX: y", "a\"", "a/b", "a:b", "\xC3\xA4", "a,b", "a;b"}) {
    CAPTURE(text);
    CHECK_FALSE(is_request_id(text));
  }
  CHECK_FALSE(is_request_id(std::string(65, 'f')));
  CHECK_FALSE(is_request_id(std::string_view("a\0", 2)));
}

// The vectors are those of W3C Trace Context, section 3.2, and its test suite's ideas.
TEST_CASE("trace_id: what a valid traceparent has, and nothing of any other") {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string rest = "-00f067aa0ba902b7-01";
  CHECK(trace_id("00-" + trace + rest) == trace);
  CHECK(trace_id("01-" + trace + rest) == trace);
  CHECK(trace_id("cc-" + trace + rest + "-what-the-future-will-be-like") == trace);
  for (const std::string& text :
       {std::string(), trace, "ff-" + trace + rest, "0x-" + trace + rest,
        "00-" + trace + rest + "-x", "cc-" + trace + rest + ".x",
        "00-" + std::string(32, '0') + rest, "00-" + trace + "-0000000000000000-01",
        "00_" + trace + rest, "00-" + trace + rest + " ",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736" + rest, "00-" + trace + "-00f067aa0ba902b7-0g",
        "00-" + trace.substr(1) + "g" + rest, "00-" + trace + "-00f067aa0ba902b7"}) {
    CAPTURE(text);
    CHECK(trace_id(text).empty());
  }
}

}  // namespace
}  // namespace registry::http
