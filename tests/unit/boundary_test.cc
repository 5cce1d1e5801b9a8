#include "common/app/boundary.h"

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/unasked_store.h"

namespace registry {
namespace {

using nlohmann::json;

// Refuses a change, fails at a read, and its health is bad.
class FakeStore final : public test::UnaskedStore {
 public:
  Result<Tenant> cancel_tenant(const TenantScope&, const Uuid&, const std::optional<std::string>&,
                               const ChangeOrigin& origin) override {
    last_origin = origin;
    return fail(invalid_transition("A demo stays one.", "demo"));
  }
  Result<std::vector<Entitlement>> entitlements(const TenantScope&, const Uuid&,
                                                const std::optional<ProductId>&) override {
    throw std::runtime_error("SQL logic error near secret_table");
  }
  Result<Tenant> tenant_by_id(const TenantScope&, const Uuid&) override {
    return fail(not_found("There is no such tenant."));
  }
  Health check_health() override {
    if (is_healthy) return {.kind = "sqlite", .schema_version = 7};
    throw StoreUnavailable("unable to open /var/lib/secret/registry.db");
  }

  ChangeOrigin last_origin;
  bool is_healthy = false;
};

const Uuid kTenantId = *Uuid::parse("00000000-0000-0000-0000-000000000001");

Result<Response> give_greeting(const Request&, Context&) {
  Response response = json_response(200, R"({"hello":"world"})");
  response.headers.push_back({.name = "ETag", .value = "\"x\""});
  return response;
}

Result<Response> check_store(const Request&, Context& context) {
  return json_response(200, std::to_string(context.store.check_health().schema_version));
}

Request release_check() {
  Request request;
  request.id = "id-1";
  request.method = "OPTIONS";
  request.target = "*";
  return request;
}

struct Answer {
  std::string head;
  std::string body;

  [[nodiscard]] int status() const {
    return std::stoi(head.substr(std::string("Status: ").size()));
  }
  [[nodiscard]] bool has(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class BoundaryTest {
 protected:
  Answer ask(Handler handler, Request request = get_request()) {
    return ask(operation("GET", http::BodyUse::kNone), handler, std::move(request));
  }

  Answer ask(const http::Operation& operation, Handler handler, Request request) {
    const Boundary boundary(operation, handler, config_, store_, catalog_, clock_, log_, metrics_);
    fcgi::Reply reply = boundary.reply(std::move(request));
    return {.head = std::move(reply.head), .body = std::move(reply.body)};
  }

  static http::Operation operation(std::string_view method, http::BodyUse body) {
    return {.id = "op",
            .method = method,
            .route = "/v1/things/{id}",
            .query_parameters = {},
            .body = body,
            .body_limit_bytes = 100};
  }

  static Request get_request() {
    Request request;
    request.id = "id-1";
    request.method = "GET";
    request.target = "/v1/things/5";
    return request;
  }

  // The log's only line about a request.
  [[nodiscard]] json request_line() const {
    std::vector<json> lines;
    for (const auto& line : captured_.lines()) {
      if (line.contains("status")) lines.emplace_back(line);
    }
    REQUIRE(lines.size() == 1);
    return lines.front();
  }

  test::FakeClock clock_{{0}};
  test::CapturedLog captured_;
  Log log_{LogLevel::kInfo, "op", clock_, captured_.fd()};
  Config config_;
  Catalog catalog_;
  FakeStore store_;
  Metrics metrics_{CounterFile::without_file()};
};

TEST_CASE_METHOD(BoundaryTest, "Boundary: what a handler gives is sent as it is") {
  const Answer answer = ask(give_greeting);
  CHECK(answer.status() == 200);
  CHECK(answer.has("Content-Type: application/json"));
  CHECK(answer.has("Content-Length: 17"));
  CHECK(answer.has("ETag: \"x\""));
  CHECK(answer.has("X-Request-Id: id-1"));
  CHECK(answer.head.ends_with("\r\n\r\n"));
  CHECK(answer.body == R"({"hello":"world"})");
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a good request leaves one line in the log") {
  ask(give_greeting);
  REQUIRE(captured_.lines().size() == 1);
  const json line = request_line();
  CHECK(line.at("level") == "info");
  CHECK(line.at("request_id") == "id-1");
  CHECK(line.at("method") == "GET");
  CHECK(line.at("route") == "/v1/things/{id}");
  CHECK(line.at("status") == 200);
  CHECK(line.at("duration_us") >= 0);
}

TEST_CASE_METHOD(BoundaryTest,
                 "Boundary: the log tells the trace, who called, and whose data it was about") {
  Request request = get_request();
  request.trace_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ask(
      [](const Request&, Context& context) -> Result<Response> {
        return fail(context.store.tenant_by_id(context.tenants, kTenantId).error());
      },
      request);
  const json line = request_line();
  CHECK(line.at("trace_id") == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(line.at("principal") == "system");
  CHECK(line.at("tenant") == kTenantId.to_string());
  CHECK(line.at("store_us") >= 0);
  CHECK(line.at("store_us") <= line.at("duration_us"));
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: the log tells who called, also of a bad request") {
  Request request = get_request();
  request.target += "?unknown=1";
  ask(give_greeting, request);
  const json line = request_line();
  CHECK(line.at("status") == 400);
  CHECK(line.at("principal") == "system");
}

TEST_CASE_METHOD(BoundaryTest,
                 "Boundary: a request counts once, and so does a failure of the store") {
  test::TempFolder folder;
  auto file = open_counters(folder.path(), "op");
  REQUIRE(file);
  Metrics metrics(std::move(*file));
  const http::Operation get = operation("GET", http::BodyUse::kNone);
  const Boundary boundary(get, check_store, config_, store_, catalog_, clock_, log_, metrics);
  const fcgi::Reply failed = boundary.reply(get_request());
  const fcgi::Reply checked = boundary.reply(release_check());
  const std::string text = *metrics_text(folder.path());
  CAPTURE(text);
  CHECK(text.find(R"(requests_total{function="op",status="503"} 1)") != std::string::npos);
  // The check of a release is no request of a client, but what the store does is counted.
  CHECK(text.find(R"(store_errors_total{function="op",kind="unavailable"} 2)") !=
        std::string::npos);
  CHECK(text.find(R"(_count{function="op"} 1)") != std::string::npos);
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: whoever deploys learns which function can serve") {
  store_.is_healthy = true;
  const Answer answer = ask(give_greeting, release_check());
  CHECK(answer.status() == 200);
  const json body = json::parse(answer.body);
  CHECK(body.at("function") == "op");
  CHECK(body.at("schema_version") == 7);
  CHECK(body.at("status") == "ready");
  CHECK(body.at("pid") == ::getpid());
  CHECK_FALSE(body.at("version").get<std::string>().empty());
  CHECK(captured_.text().empty());
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: whoever deploys learns why a function cannot serve") {
  const Answer answer = ask(give_greeting, release_check());
  CHECK(answer.status() == 503);
  CHECK(json::parse(answer.body).at("code") == "unavailable");
  for (const char* target : {"/*", "*?", "/v1/things/5"}) {
    Request other = release_check();
    other.target = target;
    CHECK(ask(give_greeting, other).status() >= 404);
  }
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: the log has neither path nor query nor body") {
  Request request = get_request();
  request.target = "/v1/things/secret?key=secret";
  request.body = "secret";
  request.user_agent = "secret";
  ask(give_greeting, request);
  CHECK(captured_.text().find("secret") == std::string::npos);
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: HEAD gets the head of GET without its body") {
  Request request = get_request();
  const Answer full = ask(give_greeting, request);
  request.method = "HEAD";
  const Answer bare = ask(give_greeting, request);
  CHECK(bare.head == full.head);
  CHECK(bare.body.empty());
  CHECK(captured_.lines().back().at("method") == "HEAD");
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: HEAD of an error gets no body either") {
  Request request = get_request();
  request.method = "HEAD";
  request.target = "/v1/other";
  const Answer answer = ask(give_greeting, request);
  CHECK(answer.status() == 404);
  CHECK(answer.header("Content-Length") != "0");
  CHECK(answer.body.empty());
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: statuses without content send none, whatever the body") {
  const Answer not_modified =
      ask([](const Request&, Context&) -> Result<Response> { return json_response(304, "x"); });
  CHECK(not_modified.body.empty());
  CHECK(not_modified.header("Content-Length").empty());
  const Answer no_content =
      ask([](const Request&, Context&) -> Result<Response> { return json_response(204, "x"); });
  CHECK(no_content.body.empty());
  CHECK(no_content.header("Content-Length").empty());
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: DELETE is answered with a head alone") {
  Request request = get_request();
  request.method = "DELETE";
  const Answer answer = ask(
      operation("DELETE", http::BodyUse::kNone),
      [](const Request&, Context&) -> Result<Response> { return json_response(204, {}); }, request);
  CHECK(answer.head == "Status: 204 No Content\r\nX-Request-Id: id-1\r\n\r\n");
  CHECK(answer.body.empty());
  CHECK(request_line().at("method") == "DELETE");
}

TEST_CASE_METHOD(BoundaryTest,
                 "with_no_store: no cache keeps the answer, and the rest of it stays") {
  const Answer answer = ask([](const Request& request, Context& context) -> Result<Response> {
    return with_no_store(*give_greeting(request, context));
  });
  CHECK(answer.status() == 200);
  CHECK(answer.has("Cache-Control: no-store"));
  CHECK(answer.has("ETag: \"x\""));
  CHECK(answer.body == R"({"hello":"world"})");
  CHECK(ask(give_greeting).header("Cache-Control").empty());
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: an error becomes a problem with the request's id") {
  const Answer answer = ask([](const Request&, Context& context) -> Result<Response> {
    const auto tenant = context.store.cancel_tenant(context.tenants, kTenantId, {}, context.origin);
    return fail(tenant.error());
  });
  CHECK(answer.status() == 409);
  CHECK(answer.has("Content-Type: application/problem+json"));
  CHECK(json::parse(answer.body) == json{{"type", "urn:tenant-registry:problem:invalid_transition"},
                                         {"title", "Invalid transition"},
                                         {"status", 409},
                                         {"detail", "A demo stays one."},
                                         {"code", "invalid_transition"},
                                         {"request_id", "id-1"},
                                         {"tenant_status", "demo"}});
  CHECK(answer.header("Content-Length") == std::to_string(answer.body.size()));
  REQUIRE(captured_.lines().size() == 1);
  CHECK(request_line().at("status") == 409);
}

TEST_CASE_METHOD(BoundaryTest,
                 "Boundary: an outage of the store is 503, logged and not given away") {
  const Answer answer = ask([](const Request&, Context& context) -> Result<Response> {
    return json_response(200, std::string(context.store.check_health().kind));
  });
  CHECK(answer.status() == 503);
  CHECK(answer.has("Retry-After: 1"));
  const json problem = json::parse(answer.body);
  CHECK(problem.at("code") == "unavailable");
  CHECK(problem.at("request_id") == "id-1");
  CHECK((answer.head + answer.body).find("secret") == std::string::npos);
  CHECK(captured_.text().find("secret") != std::string::npos);
  CHECK(captured_.lines().front().at("request_id") == "id-1");
  CHECK(request_line().at("level") == "error");
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: any other exception is 500, logged and not given away") {
  const auto handler = GENERATE(
      as<Handler>(),
      [](const Request&, Context& context) -> Result<Response> {
        return json_response(
            200,
            context.store.entitlements(context.tenants, kTenantId, {}).value().empty() ? "" : "x");
      },
      [](const Request&, Context&) -> Result<Response> { throw std::logic_error("secret"); },
      [](const Request&, Context&) -> Result<Response> { throw std::string("secret"); },
      [](const Request&, Context&) -> Result<Response> { throw std::bad_alloc(); },
      // A header that would let its value add further ones, and a status that nobody planned.
      [](const Request&, Context&) -> Result<Response> {
        Response response = json_response(200, "secret");
        response.headers.push_back({.name = "X", .value = "y\r\nSet-Cookie: secret"});
        return response;
      },
      [](const Request&, Context&) -> Result<Response> { return json_response(299, "secret"); });
  const Answer answer = ask(handler);
  CHECK(answer.status() == 500);
  CHECK(answer.has("Content-Type: application/problem+json"));
  const json problem = json::parse(answer.body);
  CHECK(problem.at("code") == "internal");
  CHECK(problem.at("request_id") == "id-1");
  CHECK((answer.head + answer.body).find("secret") == std::string::npos);
  CHECK(captured_.lines().size() == 2);
  CHECK(captured_.lines().front().at("level") == "error");
  CHECK(captured_.lines().front().at("request_id") == "id-1");
  CHECK(request_line().at("status") == 500);
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a request that is refused does not reach the handler") {
  constexpr Handler kUnreachable = [](const Request&, Context&) -> Result<Response> {
    throw std::logic_error("reached");
  };
  Request request = get_request();
  request.target = "/v1/things/5?x=1";
  CHECK(ask(kUnreachable, request).status() == 400);
  request.target = "/v1/nothing";
  CHECK(ask(kUnreachable, request).status() == 404);
  request = get_request();
  request.method = "DELETE";
  CHECK(ask(kUnreachable, request).status() == 405);
  request.method = "POST";
  request.body = "x";
  request.content_type = "text/plain";
  CHECK(ask(operation("POST", http::BodyUse::kRequired), kUnreachable, request).status() == 415);
  request.body = std::string(101, 'x');
  CHECK(ask(operation("POST", http::BodyUse::kRequired), kUnreachable, request).status() == 413);
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a method that is not allowed learns which are") {
  Request request = get_request();
  request.method = "DELETE";
  const Answer get = ask(give_greeting, request);
  CHECK(get.status() == 405);
  CHECK(get.has("Allow: GET, HEAD"));
  CHECK(json::parse(get.body).at("code") == "method_not_allowed");
  const Answer post = ask(operation("POST", http::BodyUse::kNone), give_greeting, request);
  CHECK(post.has("Allow: POST"));
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a foreign method is not repeated in the log") {
  Request request = get_request();
  request.method = "BREW" + std::string(5000, 'x');
  ask(give_greeting, request);
  CHECK(request_line().at("method") == "OTHER");
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a request id that is none is replaced everywhere") {
  for (const std::string id : {"", "a b", "a\r\nSet-Cookie: x", "\xFF"}) {
    Request request = get_request();
    request.id = id;
    request.target = "/v1/nothing";
    const Answer answer = ask(give_greeting, request);
    const std::string given = answer.header("X-Request-Id");
    CHECK(given.size() == 32);
    CHECK(http::is_request_id(given));
    CHECK(json::parse(answer.body).at("request_id") == given);
    CHECK(captured_.lines().back().at("request_id") == given);
    CHECK(answer.head.find("Set-Cookie") == std::string::npos);
  }
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a change says who made it and from where") {
  constexpr Handler kCancel = [](const Request&, Context& context) -> Result<Response> {
    return fail(
        context.store.cancel_tenant(context.tenants, kTenantId, {}, context.origin).error());
  };
  Request request = get_request();
  request.remote_address = "2001:DB8:0::1";
  request.user_agent = "a\r\nb\xFF" + std::string(1000, 'x');
  ask(kCancel, request);
  CHECK(store_.last_origin.actor_type == "system");
  CHECK(store_.last_origin.source_ip == "2001:db8::1");
  REQUIRE(store_.last_origin.user_agent);
  CHECK(store_.last_origin.user_agent->starts_with("a??b?x"));
  CHECK(store_.last_origin.user_agent->size() == 512);

  ask(kCancel);
  CHECK_FALSE(store_.last_origin.source_ip);
  CHECK_FALSE(store_.last_origin.user_agent);
}

TEST_CASE_METHOD(BoundaryTest, "Boundary: a handler gets the configuration and the catalog") {
  config_.trial_days = 99;
  catalog_.products.push_back({.id = "p", .name = "P", .description = "d", .plans = {}});
  const Answer answer = ask([](const Request& request, Context& context) -> Result<Response> {
    return json_response(200, request.path_parameter("id") + " " +
                                  std::to_string(context.config.trial_days) + " " +
                                  context.catalog.products.at(0).id);
  });
  CHECK(answer.body == "5 99 p");
}

TEST_CASE_METHOD(BoundaryTest, "Context: a product is found by its whole id") {
  catalog_.products.push_back({.id = "a", .name = "A", .description = "d", .plans = {}});
  catalog_.products.push_back({.id = "ab", .name = "AB", .description = "d", .plans = {}});
  const Answer answer = ask([](const Request&, Context& context) -> Result<Response> {
    std::string names;
    for (const char* id : {"ab", "a", "abc", "b"}) {
      const Product* product = context.product(*ProductId::parse(id));
      names += product == nullptr ? "-" : product->name;
    }
    return json_response(200, names);
  });
  CHECK(answer.body == "ABA--");
}

TEST_CASE("product_not_found: is 404") {
  CHECK(product_not_found().code == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace registry
