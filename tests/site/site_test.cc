#include "tests/site/site.h"

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/site/responder.h"
#include "tests/support/catch.h"
#include "tests/support/socket.h"
#include "tests/support/wait.h"

// The production site: what it lets in, what it tells, what it writes down.
namespace registry::test {
namespace {

constexpr const char* kBySlug = "/v1/tenants/by-slug/acme";
// More than any limit lets through at once.
constexpr int kManyRequests = 20'000;

Site& shared_site() {
  static Site site(shared_service());
  return site;
}

HttpResponse get_from(HttpClient& client, const std::string& address, const std::string& path) {
  return client.send({.path = path, .headers = {from_address(address)}});
}

// Of a path that no function needs to be asked for, so that a slow machine reaches the limit too.
HttpResponse get_until_refused(HttpClient& client, const std::string& address) {
  for (int i = 0; i < kManyRequests; ++i) {
    HttpResponse response = get_from(client, address, "/docs/icon.svg");
    if (response.status != 200) return response;
  }
  throw std::runtime_error("never refused");
}

void require_own_problem(const HttpResponse& response, int status, const std::string& code) {
  CAPTURE(response.body);
  REQUIRE(response.status == status);
  REQUIRE(response.header("content-type") == "application/problem+json");
  REQUIRE(response.json().at("code") == code);
  REQUIRE(response.json().at("status") == status);
  REQUIRE(response.json().at("request_id") == response.header("x-request-id").value());
}

// openapi.yaml with an operation that is for private networks alone.
std::string openapi_with_private(const std::string& operation, const TempFolder& folder) {
  std::string text = read_file(source_folder() + "/openapi.yaml");
  const std::string line = "\n      operationId: " + operation + "\n";
  const std::size_t at = text.find(line);
  if (at == std::string::npos) throw std::runtime_error("no operation " + operation);
  text.insert(at, "\n      x-private-networks: true");
  write_file(folder.path() + "/openapi.yaml", text);
  return folder.path() + "/openapi.yaml";
}

}  // namespace

TEST_CASE("site: nginx takes it as it is shipped, in Debian's configuration, without a warning") {
  const TempFolder sockets;
  const Site site(sockets.path(), {.debian = GENERATE(12, 13)});
  const Output output = site.check_configuration();
  CAPTURE(output.errors);
  REQUIRE(output.exit_code == 0);
  std::istringstream lines(output.errors);
  for (std::string line; std::getline(lines, line);) {
    // Of nginx 1.25 and later, see there.
    const bool is_http2 = line.find("\"listen ... http2\" directive is deprecated") != line.npos;
    if (!is_http2) REQUIRE(line.find("[warn]") == std::string::npos);
  }
}

TEST_CASE("site: nothing in it is left to the other sites of the machine") {
  // What may stand once in the http context, and other sites or nginx.conf may have set.
  const std::string http = read_file(source_folder() + "/deploy/nginx/http.conf");
  const std::regex directive("(?:^|\n)([a-z_]+) ");
  const std::set<std::string> harmless = {"geo", "log_format", "map", "map_hash_bucket_size"};
  std::set<std::string> found;
  for (std::sregex_iterator match(http.begin(), http.end(), directive), end; match != end;
       ++match) {
    found.insert((*match)[1]);
  }
  REQUIRE(found == harmless);
}

TEST_CASE("site: TLS 1.2 and 1.3 with HTTP/2, and nothing older") {
  const auto [options, version] = GENERATE(table<std::vector<std::string>, std::string>({
      {{"--tlsv1.2", "--tls-max", "1.2"}, "TLSv1.2"},
      {{"--tlsv1.3"}, "TLSv1.3"},
  }));
  const std::string id = unique_name("tls");
  std::vector<std::string> all = options;
  all.insert(all.end(), {"--header", "X-Request-Id: " + id});
  const Output output = shared_site().curl(kBySlug, all);
  CAPTURE(output.output, output.errors);
  REQUIRE(output.exit_code == 0);
  REQUIRE(output.output.starts_with("HTTP/2 200"));
  REQUIRE(output.output.find("\"slug\":\"acme\"") != std::string::npos);
  REQUIRE(shared_site().access_log_entry(id).at("tls") == version);

  const Output older =
      run_program({.arguments = {"/usr/bin/openssl", "s_client", "-connect",
                                 "127.0.0.1:" + std::to_string(shared_site().tls_port()), "-tls1_1",
                                 "-cipher", "DEFAULT:@SECLEVEL=0"}});
  CAPTURE(older.errors);
  REQUIRE(older.errors.find("alert protocol version") != std::string::npos);
}

TEST_CASE("site: HTTP/1.1 is spoken over TLS as well") {
  const Output output = shared_site().curl(kBySlug, {"--http1.1"});
  REQUIRE(output.output.starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("site: plain HTTP is sent to TLS, path, query and method kept") {
  HttpClient client = HttpClient::of_others(shared_site().redirect_port());
  const HttpResponse response = client.send({.method = "POST", .path = "/v1/tenants?a=b%20c"});
  REQUIRE(response.status == 308);
  REQUIRE(response.header("location") == "https://registry.example.com/v1/tenants?a=b%20c");
  REQUIRE(response.header("server") == "nginx");
}

TEST_CASE("site: plain HTTP where TLS is spoken is 400 problem+json") {
  HttpClient client = HttpClient::of_others(shared_site().tls_port());
  require_own_problem(client.get(kBySlug), 400, "invalid_request");
}

TEST_CASE("site: every answer over TLS has the security headers, each once, and no version") {
  const auto [path, method, status] = GENERATE(table<std::string, std::string, std::string>({
      {kBySlug, "GET", "200"},
      {"/v1/tenants/by-slug/nobody", "GET", "404"},
      {"/nowhere", "GET", "404"},
      {"/v1/catalog", "PATCH", "405"},
      {"/docs", "GET", "200"},
      {"/docs/nowhere", "GET", "404"},
  }));
  CAPTURE(path);
  const Output output = shared_site().curl(path, {"--request", method});
  const std::string head = output.output.substr(0, output.output.find("\r\n\r\n") + 2);
  CAPTURE(head);
  REQUIRE(head.starts_with("HTTP/2 " + status));
  const std::string policy = path == "/docs"
                                 ? "default-src 'none'; style-src 'self'; script-src 'self'; "
                                   "img-src 'self'; base-uri 'none'; form-action 'none'; "
                                   "frame-ancestors 'none'; require-trusted-types-for 'script'"
                                 : "default-src 'none'; frame-ancestors 'none'";
  for (const std::string& line :
       {std::string("strict-transport-security: max-age=31536000"),
        std::string("x-content-type-options: nosniff"), std::string("referrer-policy: no-referrer"),
        "content-security-policy: " + policy, std::string("server: nginx")}) {
    CAPTURE(line);
    const std::size_t at = head.find("\r\n" + line + "\r\n");
    REQUIRE(at != std::string::npos);
    const std::string name = "\r\n" + line.substr(0, line.find(':') + 1);
    REQUIRE(head.find(name, at + 1) == std::string::npos);
  }
}

TEST_CASE("site: the access log has a line of JSON for each request, with all that it promises") {
  const std::set<std::string> fields = {
      "time",  "request_id",  "trace_id",     "function",      "method",
      "route", "status",      "request_time", "upstream_time", "upstream_status",
      "bytes", "remote_addr", "tls"};
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  struct Case {
    HttpRequest request;
    Json expected;
    bool is_answered_by_function = false;
  };
  const std::vector<Case> cases = {
      {{.path = std::string(kBySlug) + "?token=hush"},
       {{"function", "tenant_get_by_slug"},
        {"method", "GET"},
        {"route", "/v1/tenants/by-slug/{slug}"},
        {"status", 400}},
       true},
      {{.method = "POST", .path = "/v1/api-keys?token=hush", .body = "{\"hush\":1}"},
       {{"function", "api_key_create"}, {"route", "/v1/api-keys"}, {"status", 400}},
       true},
      {{.method = "HEAD", .path = "/v1/catalog"},
       {{"function", "catalog_list"}, {"method", "HEAD"}, {"status", 200}},
       true},
      {{.path = "/hush"}, {{"function", ""}, {"route", ""}, {"method", "GET"}, {"status", 404}}},
      {{.method = "PUT", .path = "/v1/catalog"},
       {{"function", ""}, {"route", "/v1/catalog"}, {"method", "PUT"}, {"status", 405}}},
      {{.method = "POST", .path = "/v1/audit", .body = std::string((10U << 20U) + 1, 'x')},
       {{"function", "audit_append"}, {"route", "/v1/audit"}, {"method", "POST"}, {"status", 413}}},
      {{.path = "/docs"}, {{"route", "/docs"}, {"function", ""}, {"status", 200}}},
  };
  HttpClient client = shared_site().client();
  for (const Case& one : cases) {
    CAPTURE(one.request.path);
    const std::string id = unique_name("logged");
    HttpRequest request = one.request;
    request.headers = {"X-Request-Id: " + id, "traceparent: 00-" + trace + "-b7ad6b7169203331-01",
                       "Authorization: Bearer hush", from_address("10.20.30.40")};
    const HttpResponse response = client.send(request);
    const Json entry = shared_site().access_log_entry(id);
    CAPTURE(entry.dump());
    std::set<std::string> found;
    for (const auto& [name, value] : entry.items()) found.insert(name);
    REQUIRE(found == fields);
    for (const auto& [name, value] : one.expected.items()) REQUIRE(entry.at(name) == value);
    REQUIRE(entry.at("trace_id") == trace);
    REQUIRE(entry.at("remote_addr") == "10.20.30.40");
    REQUIRE(entry.at("tls") == "");
    REQUIRE(entry.at("request_time").is_number());
    REQUIRE(entry.at("bytes") > response.body.size());
    const std::string asked = one.is_answered_by_function ? std::to_string(response.status) : "";
    REQUIRE(entry.at("upstream_status") == asked);
    REQUIRE(entry.at("upstream_time").get<std::string>().empty() == asked.empty());
  }
  REQUIRE(shared_site().access_log().find("hush") == std::string::npos);
  REQUIRE(shared_site().access_log().find("acme") == std::string::npos);
}

TEST_CASE("site: every line of the access log is JSON, whatever was sent") {
  const Site site(shared_service());
  const std::vector<std::string> requests = {
      "GET /healthz\r\n",  // HTTP/0.9
      "NONSENSE\r\n\r\n",
      "GET /\"}\\\x01 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: \"}\\\r\n\r\n",
      "TRACE /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "\x16\x03\x01\x02",
  };
  for (const std::string& request : requests) {
    const UniqueFd socket = connect_tcp(site.plain_port());
    send_all(socket, request);
    ::shutdown(socket.get(), SHUT_WR);
    [[maybe_unused]] const std::string answer = receive_all(socket);
  }
  std::size_t count = 0;
  wait_until("a line for each", [&] {
    const std::string log = site.access_log();
    count = static_cast<std::size_t>(std::count(log.begin(), log.end(), '\n'));
    return count >= requests.size();
  });
  std::istringstream lines(site.access_log());
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    REQUIRE(Json::accept(line));
  }
  REQUIRE(site.alarms().empty());
}

TEST_CASE("traceparent: reaches the function when it has W3C's form, and not at all else") {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto [sent, passed_on] = GENERATE_REF(table<std::string, std::string>({
      {good, good},
      {"cc" + good.substr(2), "cc" + good.substr(2)},
      {"ff" + good.substr(2), ""},
      {good + "-more", ""},
      {good.substr(0, 54), ""},
      {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ""},
      {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
      {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""},
      {"x", ""},
  }));
  CAPTURE(sent);
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/health_live.sock", {});
  const Site site(sockets.path(), {});
  const std::string id = unique_name("trace");
  REQUIRE(
      site.client()
          .send({.path = "/healthz", .headers = {"traceparent: " + sent, "X-Request-Id: " + id}})
          .status == 200);
  const std::map<std::string, std::string> parameters = responder.seen().at(0).parameters;
  REQUIRE(parameters.contains("HTTP_TRACEPARENT") == !passed_on.empty());
  if (!passed_on.empty()) REQUIRE(parameters.at("HTTP_TRACEPARENT") == passed_on);
  const std::string trace_id = passed_on.empty() ? "" : passed_on.substr(3, 32);
  REQUIRE(site.access_log_entry(id).at("trace_id") == trace_id);
}

TEST_CASE("limits: a client that asks too often gets 429 problem+json, and others go on") {
  HttpClient client = shared_site().client();
  const auto [client_address, same_client, another] =
      GENERATE(table<std::string, std::string, std::string>({
          {"203.0.113.7", "203.0.113.7", "203.0.113.8"},
          {"2001:db8:1:2::a", "2001:db8:1:2:ffff::b", "2001:db8:1:3::a"},
          {"2001:db8:5::a", "2001:db8:5::b", "2001:db8:6::a"},
      }));
  CAPTURE(client_address);
  const HttpResponse refused = get_until_refused(client, client_address);
  require_own_problem(refused, 429, "rate_limited");
  REQUIRE(refused.header("retry-after") == "1");
  // The limit lets one through now and then.
  get_until_refused(client, same_client);
  REQUIRE(get_from(client, another, kBySlug).status == 200);
  const Json entry =
      shared_site().access_log_entry(refused.json().at("request_id").get<std::string>());
  REQUIRE(entry.at("status") == 429);
  REQUIRE(entry.at("route") == "/docs/icon.svg");
  REQUIRE(entry.at("remote_addr") == client_address);
}

TEST_CASE("limits: a product in a private network may ask a lot") {
  HttpClient client = shared_site().client();
  const std::string address = GENERATE(as<std::string>{}, "10.1.2.3", "fd12:3456::1");
  CAPTURE(address);
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(get_from(client, address, "/docs/icon.svg").status == 200);
  }
}

TEST_CASE("limits: one client has so many requests on their way, and others go on") {
  const std::string request = "POST /v1/tenants HTTP/1.1\r\nHost: x\r\n" +
                              from_address("203.0.113.20") +
                              "\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
  HttpClient client = shared_site().client();
  std::vector<UniqueFd> waiting;
  // Until those that came before are counted: nginx has several processes.
  wait_until("a refusal", [&] {
    waiting.push_back(connect_tcp(shared_site().plain_port()));
    send_all(waiting.back(), request);
    return get_from(client, "203.0.113.20", "/docs/icon.svg").status == 429;
  });
  REQUIRE(waiting.size() >= 64);
  require_own_problem(get_from(client, "203.0.113.20", kBySlug), 429, "rate_limited");
  REQUIRE(get_from(client, "203.0.113.21", kBySlug).status == 200);
}

TEST_CASE("private networks: an operation that is for them alone is 403 problem+json for others") {
  const TempFolder folder;
  const Responder responder(folder.path() + "/health_live.sock", {});
  const Site site(folder.path(), {.openapi = openapi_with_private("health_live", folder)});
  HttpClient client = site.client();
  for (const char* inside :
       {"127.8.9.10", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.1.1", "::1", "fd00::1", "fc00::1", "fe80::1", "::ffff:10.0.0.1"}) {
    CAPTURE(inside);
    REQUIRE(get_from(client, inside, "/healthz").status == 200);
  }
  const std::size_t answered = responder.seen().size();
  for (const char* outside :
       {"203.0.113.1", "11.0.0.1", "172.15.255.255", "172.32.0.1", "192.169.0.1", "169.253.1.1",
        "2001:db8::1", "fec0::1", "::2", "::ffff:203.0.113.1"}) {
    CAPTURE(outside);
    require_own_problem(get_from(client, outside, "/healthz"), 403, "forbidden");
    const HttpRequest other_method = {
        .method = "POST", .path = "/healthz", .headers = {from_address(outside)}};
    require_own_problem(client.send(other_method), 403, "forbidden");
    // Others are as open as ever.
    REQUIRE(get_from(client, outside, "/docs").status == 200);
  }
  REQUIRE(responder.seen().size() == answered);
}

TEST_CASE("private networks: who comes through a proxy that nobody has named may be anybody") {
  const TempFolder folder;
  const Responder responder(folder.path() + "/health_live.sock", {});
  const Site site(folder.path(), {.openapi = openapi_with_private("health_live", folder)});
  HttpClient client = site.client();
  REQUIRE(client.get("/healthz").status == 200);
  for (const std::string header : {"Forwarded: for=10.0.0.1", "X-Forwarded-For: 127.0.0.1"}) {
    CAPTURE(header);
    const HttpResponse response = client.send({.path = "/healthz", .headers = {header}});
    require_own_problem(response, 403, "forbidden");
  }
}

TEST_CASE("private networks: who comes through a Unix socket has no address, and is in none") {
  const TempFolder folder;
  const Responder responder(folder.path() + "/health_live.sock", {});
  const std::string configuration = folder.path() + "/nginx.conf";
  const std::string listener = folder.path() + "/nginx.sock";
  std::vector<std::string> arguments = {source_folder() + "/deploy/routes.py",
                                        "nginx",
                                        openapi_with_private("health_live", folder),
                                        "--listen",
                                        "unix:" + listener,
                                        "--sockets",
                                        folder.path(),
                                        "--state",
                                        folder.path(),
                                        "--output",
                                        configuration};
  if (::geteuid() == 0) arguments.insert(arguments.end(), {"--user", "root"});
  REQUIRE(run_program({.arguments = arguments}).exit_code == 0);
  Process nginx({.arguments = {"/usr/sbin/nginx", "-c", configuration, "-e", "stderr"}});
  wait_until("nginx", [&] { return std::filesystem::exists(folder.path() + "/nginx.pid"); });
  const Output output = run_program({.arguments = {"/usr/bin/curl", "--silent", "--unix-socket",
                                                   listener, "http://localhost/healthz"}});
  CAPTURE(output.output);
  REQUIRE(Json::parse(output.output).at("code") == "forbidden");
  REQUIRE(responder.seen().empty());
  end_nginx(nginx);
}

}  // namespace registry::test
