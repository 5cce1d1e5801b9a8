#include <regex>
#include <set>
#include <sstream>

#include "tests/integration/integration.h"
#include "tests/support/temp_folder.h"
#include "tests/support/transcript.h"

namespace registry::test {
namespace {

const std::vector<std::string> kPaths = {"/docs", "/docs/icon.svg", "/docs/openapi.yaml",
                                         "/docs/reference.css", "/docs/reference.js"};

// What matched the first group, everywhere in the text.
std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex compiled(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), compiled), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

std::string body_of(const std::string& path) {
  const TranscriptPause pause;  // too long for the little that a comparison could find
  HttpClient client = shared_service().client();
  const HttpResponse response = client.get(path);
  REQUIRE(response.status == 200);
  return response.body;
}

}  // namespace

TEST_CASE("docs: each file has its type, and headers that keep the page to itself") {
  HttpClient client = shared_service().client();
  const auto [path, type] = GENERATE(table<std::string, std::string>({
      {"/docs", "text/html; charset=utf-8"},
      {"/docs/icon.svg", "image/svg+xml"},
      {"/docs/openapi.yaml", "application/yaml; charset=utf-8"},
      {"/docs/reference.css", "text/css; charset=utf-8"},
      {"/docs/reference.js", "text/javascript; charset=utf-8"},
  }));
  CAPTURE(path);
  const std::string id = unique_name("docs");
  const HttpResponse response = client.send({.path = path, .headers = {"X-Request-Id: " + id}});
  REQUIRE(response.status == 200);
  REQUIRE(response.header("content-type") == type);
  REQUIRE(response.header("x-request-id") == id);
  REQUIRE(response.header("cache-control") == "no-cache");
  REQUIRE(response.header("x-content-type-options") == "nosniff");
  REQUIRE(response.header("referrer-policy") == "no-referrer");
  REQUIRE(response.header("content-security-policy") ==
          "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'");
}

TEST_CASE("docs: a copy is checked by its ETag") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(from_range(kPaths));
  // An ETag of nginx follows from the time of the build, which is no part of the behaviour.
  const TranscriptPause pause;
  const std::string etag = client.get(path).header("etag").value();
  const HttpResponse again = client.send({.path = path, .headers = {"If-None-Match: " + etag}});
  REQUIRE(again.status == 304);
  REQUIRE(again.body.empty());
  REQUIRE(again.header("etag") == etag);
}

TEST_CASE("docs: HEAD answers as GET does, without the body") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(from_range(kPaths));
  const HttpResponse get = client.get(path);
  const HttpResponse head = client.send({.method = "HEAD", .path = path});
  REQUIRE(head.status == 200);
  REQUIRE(head.body.empty());
  REQUIRE(head.header("content-length") == std::to_string(get.body.size()));
  REQUIRE(head.header("content-type") == get.header("content-type"));
}

TEST_CASE("docs: another method is 405 with Allow") {
  HttpClient client = shared_service().client();
  const std::string path = GENERATE(from_range(kPaths));
  const std::string method = GENERATE(as<std::string>{}, "POST", "PUT", "DELETE", "OPTIONS");
  CAPTURE(method, path);
  const HttpResponse response = client.send({.method = method, .path = path});
  require_problem(response, 405, "method_not_allowed");
  REQUIRE(response.header("allow") == "GET, HEAD");
}

TEST_CASE("docs: nothing else is below, whatever the folder holds") {
  HttpClient client = shared_service().client();
  const std::string path =
      GENERATE(as<std::string>{}, "/docs/index.html", "/docs/nowhere", "/docs/reference.css/",
               "/docs//reference.css", "/docs/..%2fmeson-info", "/docs/%2e%2e/build.ninja",
               "/docs/openapi.yml", "/docs.html", "/docsets", "/Docs", "/docs/icon.svg/x");
  CAPTURE(path);
  require_problem(client.get(path), 404, "not_found");
}

TEST_CASE("docs: a trailing slash leads to the page") {
  HttpClient client = shared_service().client();
  const HttpResponse response = client.get("/docs/");
  REQUIRE(response.status == 308);
  REQUIRE(response.header("location") == "/docs");
}

TEST_CASE("docs: openapi.yaml is served as it is") {
  REQUIRE(body_of("/docs/openapi.yaml") == read_file(source_folder() + "/openapi.yaml"));
}

TEST_CASE("docs: the page has every operation, and a command that calls it") {
  const std::string page = body_of("/docs");
  for (const Route& route : all_routes()) {
    CAPTURE(route.operation);
    const auto start = page.find("<section class=\"operation\" id=\"" + route.operation + "\"");
    REQUIRE(start != std::string::npos);
    const std::string section = page.substr(start, page.find("</section>", start) - start);
    REQUIRE(section.find(">" + route.method + "</span> <code class=\"path\">" + route.path +
                         "</code>") != std::string::npos);
    REQUIRE(section.find("<code>curl ") != std::string::npos);
  }
}

TEST_CASE("docs: every link of the page leads to a place in it or to a file beside it") {
  const std::string page = body_of("/docs");
  const std::vector<std::string> ids = all_matches(page, R"re( id="([^"]*)")re");
  const std::set<std::string> places(ids.begin(), ids.end());
  REQUIRE(places.size() == ids.size());
  std::set<std::string> files;
  for (const std::string& link : all_matches(page, R"re( (?:href|src)="([^"]*)")re")) {
    CAPTURE(link);
    if (link.starts_with("#")) {
      REQUIRE(places.contains(link.substr(1)));
    } else {
      files.insert("/" + link);
    }
  }
  REQUIRE(files == std::set<std::string>(kPaths.begin() + 1, kPaths.end()));
}

TEST_CASE("docs: nothing that the page loads names another host") {
  const std::string page = body_of("/docs");
  REQUIRE(all_matches(page, R"re(<[^>]*\s(style|on\w+|srcset|action|data|poster)=")re").empty());
  REQUIRE(all_matches(body_of("/docs/reference.css"), R"re((@import|url\(|//))re").empty());
  REQUIRE(
      all_matches(body_of("/docs/reference.js"), R"re((https?:|fetch|import|XMLHttp))re").empty());
  // The name of the SVG namespace is no address.
  REQUIRE(all_matches(body_of("/docs/icon.svg"), R"re((href|url\(|<script|<style))re").empty());
}

TEST_CASE("docs/examples/follow_trail: each run prints what is new since the last one",
          "[racing]") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const TempFolder folder;
  const auto follow = [&](const std::string& place) {
    const Output output =
        run_program({.arguments = {source_folder() + "/docs/examples/follow_trail",
                                   "http://127.0.0.1:" + std::to_string(shared_service().port()),
                                   folder.path() + place, "tenant_id=" + id_text(tenant)},
                     .environment = {{"ONCE", "1"}, {"no_proxy", "*"}}});
    CAPTURE(output.errors);
    REQUIRE(output.exit_code == 0);
    std::vector<std::string> actions;
    std::istringstream lines(output.output);
    for (std::string line; std::getline(lines, line);) {
      actions.push_back(Json::parse(line).at("action"));
    }
    return actions;
  };
  using Actions = std::vector<std::string>;
  REQUIRE(follow("/last-id") == Actions{"tenant.create"});
  REQUIRE(follow("/last-id").empty());
  for (const char* action : {"a", "\u00e9\n"}) {
    const Json event = {{"action", action}, {"tenant_id", tenant.at("id")}};
    REQUIRE(client.post("/v1/audit", event).status == 201);
  }
  REQUIRE(follow("/last-id") == Actions{"a", "\u00e9\n"});
  REQUIRE(follow("/other-id") == Actions{"tenant.create", "a", "\u00e9\n"});
}

}  // namespace registry::test
