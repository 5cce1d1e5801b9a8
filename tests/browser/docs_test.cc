#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/service.h"
#include "tests/support/temp_folder.h"

// The API reference as a reader gets it: in a browser for which no host exists but the service's.
namespace registry::test {
namespace {

struct Visit {
  std::string page;      // as the browser has it after its scripts have run
  std::string messages;  // of the browser's console
};

std::string origin_of(const Service& service) {
  return "http://127.0.0.1:" + std::to_string(service.port());
}

// Opens a page in a new Chromium, with an empty profile, and closes it.
Visit visit(const std::string& url) {
  const TempFolder home;
  const Output output = run_program({
      .arguments = {"/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu",
                    "--disable-quic", "--disable-dev-shm-usage", "--disable-breakpad",
                    "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
                    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                    "--user-data-dir=" + home.path() + "/profile", "--dump-dom", url},
      .environment = {{"HOME", home.path()}, {"LANG", "C.UTF-8"}, {"TMPDIR", home.path()}},
  });
  INFO(output.errors);
  REQUIRE(output.exit_code == 0);
  std::string messages;
  std::istringstream lines(output.errors);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(":CONSOLE") != std::string::npos) messages += line + '\n';
  }
  return {.page = output.output, .messages = messages};
}

// An operation's section without its tags.
std::string text_of_section(const std::string& page, const std::string& id) {
  const auto start = page.find("<section class=\"operation\" id=\"" + id + "\"");
  if (start == std::string::npos) return "";
  static const std::regex kTags("<[^>]*>");
  const std::string section = page.substr(start, page.find("</section>", start) - start);
  return std::regex_replace(section, kTags, "");
}

}  // namespace

TEST_CASE("browser: the API reference shows every operation, and nothing is blocked or missing") {
  const Service service;
  const Visit seen = visit(origin_of(service) + "/docs");
  INFO(seen.messages);
  CHECK(seen.messages.empty());
  const std::vector<Route> routes = all_routes();
  REQUIRE(routes.size() == operation_ids().size());
  for (const Route& route : routes) {
    const std::string text = text_of_section(seen.page, route.operation);
    CAPTURE(route.operation, text);
    CHECK(text.find("operationId " + route.operation) != std::string::npos);
    CHECK(text.find(route.method + " " + route.path) != std::string::npos);
  }
  // The script has run: it takes the filter out of hiding.
  CHECK(seen.page.find("<p class=\"filter\">") != std::string::npos);
}

TEST_CASE("browser: the console is heard, and the page is not there by a name") {
  REQUIRE(visit("data:text/html,<script>console.error('heard')</script>").messages.find("heard") !=
          std::string::npos);
  const Service service;
  const std::string page =
      visit("http://localhost:" + std::to_string(service.port()) + "/docs").page;
  INFO(page);
  REQUIRE(page.find("tenant") == std::string::npos);
}

}  // namespace registry::test
