#include <sstream>

#include "tests/integration/integration.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

// Sends bytes as they are and gives all that nginx answers.
std::string exchange(const std::string& bytes) {
  return exchange_bytes(shared_service().port(), bytes);
}

// The line of a log that has the request id, once it is there.
Json log_entry(const std::string& log, const std::string& request_id) {
  std::string line;
  wait_until("the line of " + request_id, [&] {
    std::istringstream lines(shared_service().log_of(log));
    while (std::getline(lines, line)) {
      if (line.find(request_id) != std::string::npos && !lines.eof()) return true;
    }
    return false;
  });
  return Json::parse(line);
}

Json problem_in(const std::string& answer) {
  return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

}  // namespace

TEST_CASE("routes: an unknown path is 404, whatever the method") {
  HttpClient client = shared_service().client();
  const std::string method =
      GENERATE(as<std::string>{}, "GET", "POST", "PUT", "DELETE", "OPTIONS", "SURPRISE");
  const std::string path =
      GENERATE(as<std::string>{}, "/", "/v1", "/v1/", "/v1/tenant", "/v1/catalog/", "/healthz/",
               "//healthz", "/v1//catalog", "/V1/catalog", "/v1/catalog.json", "/v1/tenants/",
               "/v1/tenants/a/b/c", "/v1/tenants//activate", "/index.html");
  CAPTURE(method, path);
  require_problem(client.send({.method = method, .path = path}), 404, "not_found");
}

TEST_CASE("routes: another method of a known path is 405 with Allow") {
  HttpClient client = shared_service().client();
  const auto [method, path, allow] = GENERATE(table<std::string, std::string, std::string>({
      {"POST", "/healthz", "GET, HEAD"},
      {"PATCH", "/readyz", "GET, HEAD"},
      {"DELETE", "/v1/catalog", "GET, HEAD"},
      {"GET", "/v1/tenants", "POST"},
      {"PUT", "/v1/tenants/by-slug/acme", "GET, HEAD"},
      {"GET", "/v1/tenants/00000000-0000-0000-0000-000000000001/activate", "POST"},
      {"OPTIONS", "/v1/entitlements", "GET, HEAD"},
      {"TRACE", "/v1/catalog", "GET, HEAD"},
      {"get", "/v1/catalog", "GET, HEAD"},
  }));
  CAPTURE(method, path);
  const HttpResponse response = client.send({.method = method, .path = path});
  // nginx refuses a lower-case method as malformed.
  if (method == "get") {
    REQUIRE(response.status == 400);
    return;
  }
  require_problem(response, 405, "method_not_allowed");
  REQUIRE(response.header("allow") == allow);
}

TEST_CASE("HEAD: answers as GET does, without the body") {
  HttpClient client = shared_service().client();
  const std::string path =
      GENERATE(as<std::string>{}, "/healthz", "/readyz", "/v1/catalog", "/v1/tenants/by-slug/acme",
               "/v1/entitlements?tenant_id=00000000-0000-0000-0000-000000000001");
  const HttpResponse get = client.get(path);
  const HttpResponse head = client.send({.method = "HEAD", .path = path});
  REQUIRE(head.status == 200);
  REQUIRE(head.body.empty());
  REQUIRE(head.header("content-length") == std::to_string(get.body.size()));
  REQUIRE(head.header("content-type") == get.header("content-type"));
}

TEST_CASE("paths: percent-encoding of a plain character is the same path") {
  HttpClient client = shared_service().client();
  REQUIRE(client.get("/v1/tenants/by-slug/%61cme").status == 200);
  REQUIRE(client.get("/v1/%63atalog").status == 200);
  REQUIRE(client.get("/v1/tenants/by%2Dslug/acme").status == 200);
}

TEST_CASE("paths: an encoded slash is not a separator") {
  HttpClient client = shared_service().client();
  require_problem(client.get("/v1/tenants%2Fby-slug/acme"), 404, "not_found");
}

TEST_CASE("GET: a body is ignored, whatever it is") {
  HttpClient client = shared_service().client();
  const HttpResponse response = client.send({.method = "GET",
                                             .path = "/v1/catalog",
                                             .body = "not json",
                                             .headers = {"Content-Type: text/plain"}});
  REQUIRE(response.status == 200);
}

TEST_CASE("request ids: a sane one is taken over, by functions and by nginx alike") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(as<std::string>{}, "/healthz", "/nowhere");
  const std::string id = unique_name("Trace.42_x");
  const HttpResponse response = client.send({.path = path, .headers = {"X-Request-Id: " + id}});
  REQUIRE(response.header("x-request-id") == id);
  if (path == "/healthz") {
    REQUIRE(shared_service().log_of("health_live").find("\"request_id\":\"" + id + "\"") !=
            std::string::npos);
  }
}

TEST_CASE("request ids: any other is replaced") {
  HttpClient client = shared_service().client();
  const std::string id =
      GENERATE(as<std::string>{}, "a b", "a\"b", "\xc3\xa9", "x;y", std::string(65, 'a'));
  const HttpResponse response =
      client.send({.path = "/nowhere", .headers = {"X-Request-Id: " + id}});
  REQUIRE(response.header("x-request-id") != id);
  require_problem(response, 404, "not_found");
}

TEST_CASE("log: one JSON line per request, with the template of the path and no query") {
  HttpClient client = shared_service().client();
  const std::string id = unique_name("log");
  REQUIRE(client
              .send({.path = "/v1/tenants/by-slug/acme?token=secret",
                     .headers = {"X-Request-Id: " + id}})
              .status == 400);
  const Json entry = log_entry("tenant_get_by_slug", id);
  REQUIRE(entry.at("function") == "tenant_get_by_slug");
  REQUIRE(entry.at("level") == "info");
  REQUIRE(entry.at("method") == "GET");
  REQUIRE(entry.at("route") == "/v1/tenants/by-slug/{slug}");
  REQUIRE(entry.at("status") == 400);
  REQUIRE(entry.at("duration_us").get<int>() >= 0);
  REQUIRE(Timestamp::parse(entry.at("time").get<std::string>()).has_value());
  REQUIRE(shared_service().log_of("tenant_get_by_slug").find("secret") == std::string::npos);
}

TEST_CASE("log: a request that reaches no function is a line too, without its query") {
  HttpClient client = shared_service().client();
  const auto [path, route] = GENERATE(table<std::string, std::string>(
      {{"/v1/nowhere?token=secret", ""}, {"/v1/catalog?token=secret", "/v1/catalog"}}));
  const std::string id = unique_name("own");
  const HttpResponse response =
      client.send({.method = "PUT", .path = path, .headers = {"X-Request-Id: " + id}});
  const Json entry = log_entry("nginx_requests", id);
  REQUIRE(entry.at("route") == route);
  REQUIRE(entry.at("status") == response.status);
  REQUIRE(shared_service().log_of("nginx_requests").find("secret") == std::string::npos);
}

TEST_CASE("nginx: what is no HTTP request is 400 problem+json") {
  const std::string request =
      GENERATE(as<std::string>{}, "NONSENSE\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n",
               "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /../.. HTTP/1.1\r\nHost: x\r\n\r\n",
               "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n");
  CAPTURE(request);
  const std::string answer = exchange(request);
  CAPTURE(answer);
  REQUIRE(answer.starts_with("HTTP/1.1 400 "));
  REQUIRE(problem_in(answer).at("code") == "invalid_request");
  REQUIRE(problem_in(answer).at("status") == 400);
}

TEST_CASE("nginx: a request line or a header that is too long is refused in shape") {
  const std::string tail = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  const std::string long_line = exchange("GET /" + std::string(20'000, 'a') + tail + "\r\n");
  REQUIRE(long_line.starts_with("HTTP/1.1 414 "));
  REQUIRE(problem_in(long_line).at("code") == "invalid_request");
  const std::string long_header =
      exchange("GET /healthz" + tail + "X-Long: " + std::string(20'000, 'a') + "\r\n\r\n");
  REQUIRE(long_header.starts_with("HTTP/1.1 431 "));
  REQUIRE(problem_in(long_header).at("code") == "invalid_request");
}

TEST_CASE("nginx: says neither its version nor anything of the functions") {
  HttpClient client = shared_service().client();
  const HttpResponse response = client.get("/healthz");
  REQUIRE(response.header("server") == "nginx");
  REQUIRE_FALSE(response.header("x-powered-by").has_value());
}

TEST_CASE("status lines: carry the reason phrase that belongs to the status") {
  const std::string answer =
      exchange("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  REQUIRE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
}

}  // namespace registry::test
