#include <chrono>
#include <fstream>
#include <regex>
#include <sstream>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/integration/integration.h"
#include "tests/support/transcript.h"
#include "tests/support/wait.h"

// The trail as a whole: in lines of JSON or as CSV, made while it is sent.
namespace registry::test {
namespace {

constexpr const char* kNdjson = "Accept: application/x-ndjson";
constexpr const char* kCsv = "Accept: text/csv";

HttpResponse export_of(HttpClient& client, const std::string& query, const char* accept) {
  // Ids are told apart from other text in documents of JSON alone.
  const TranscriptPause pause;
  return client.send({.path = "/v1/audit" + query, .headers = {accept}});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Appends so many events of a tenant, and gives the ids.
std::vector<std::string> append_many(HttpClient& client, const Json& tenant, int count,
                                     const std::string& padding = "") {
  std::vector<std::string> ids;
  for (int left = count; left > 0; left -= 1'000) {
    Json events = Json::array();
    for (int i = 0; i < std::min(left, 1'000); ++i) {
      events.push_back({{"action", i % 2 == 0 ? "even" : "odd"}, {"tenant_id", tenant.at("id")}});
      if (!padding.empty()) events.back()["metadata"] = {{"padding", padding}};
    }
    const HttpResponse response = client.post("/v1/audit", events);
    REQUIRE(response.status == 201);
    for (const Json& receipt : response.json()) ids.push_back(receipt.at("id"));
  }
  return ids;
}

std::string of(const Json& tenant) {
  return "?tenant_id=" + id_text(tenant);
}

// A connection that asks for an export and takes nothing of it but the head.
class StuckReader {
 public:
  StuckReader(const Service& service, const std::string& query)
      : socket_(connect_tcp(service.port())) {
    send_all(socket_, "GET /v1/audit" + query +
                          " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Accept: application/x-ndjson\r\n\r\n");
    std::string head(1, '\0');
    REQUIRE(::recv(socket_.get(), head.data(), head.size(), 0) == 1);
  }

  // Takes some of it, for so long.
  void read_slowly(std::chrono::seconds time, std::size_t bytes_per_second) {
    constexpr int kPartMs = 50;
    std::string part(bytes_per_second * kPartMs / 1'000, '\0');
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      REQUIRE(::recv(socket_.get(), part.data(), part.size(), MSG_WAITALL) > 0);
      ::poll(nullptr, 0, kPartMs);
    }
  }

  // What it gets after all.
  [[nodiscard]] std::string read_on() { return receive_all(socket_); }

 private:
  UniqueFd socket_;
};

// Resident memory of a process, in bytes.
std::int64_t memory_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  throw std::runtime_error("no VmHWM");
}

}  // namespace

TEST_CASE("audit export: NDJSON has every event of the query, as its pages have them") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  append_many(client, tenant, 1'203);
  for (const std::string& filter :
       {std::string(), std::string("&action=odd"), std::string("&order=desc&action=even"),
        std::string("&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"),
        std::string("&action=none")}) {
    CAPTURE(filter);
    Json expected = Json::array();
    std::string cursor;
    do {
      const Json page =
          client.get("/v1/audit" + of(tenant) + filter + "&limit=500" + cursor).json();
      for (const Json& event : page.at("events")) expected.push_back(event);
      cursor = page.at("next_cursor").is_null() ? "" : "&cursor=" + page.at("next_cursor").dump();
    } while (!cursor.empty());
    const HttpResponse response = export_of(client, of(tenant) + filter, kNdjson);
    REQUIRE(response.status == 200);
    REQUIRE(response.header("content-type") == "application/x-ndjson");
    REQUIRE(response.header("vary") == "Accept");
    REQUIRE(response.header("content-disposition") == "attachment; filename=\"audit.ndjson\"");
    Json found = Json::array();
    for (const std::string& line : lines_of(response.body)) found.push_back(Json::parse(line));
    REQUIRE(found == expected);
  }
}

TEST_CASE("audit export: CSV has a head and a row for every event, and no cell begins a formula") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  for (const char* name : {"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "a;=2", "a;\"=2;b", "a\t\"=2",
                           "\"=1", "a,\"b\"\r\n=3", "'"}) {
    REQUIRE(client
                .post("/v1/audit", {{"action", name},
                                    {"actor_name", name},
                                    {"tenant_id", tenant.at("id")},
                                    {"metadata", {{name, name}}}})
                .status == 201);
  }
  const HttpResponse response = export_of(client, of(tenant), kCsv);
  REQUIRE(response.status == 200);
  REQUIRE(response.header("content-type") == "text/csv; charset=utf-8; header=present");
  REQUIRE(response.header("content-disposition") == "attachment; filename=\"audit.csv\"");
  // Read by somebody else's parser, with each separator that a spreadsheet may be set to.
  const TempFolder folder;
  write_file(folder.path() + "/audit.csv", response.body);
  const Output read = run_program({.arguments = {"/usr/bin/python3", "-c", R"(
import csv, sys
text = open(sys.argv[1], encoding="utf-8", newline="").read()
rows = list(csv.reader(text.splitlines(keepends=True)))
assert len(rows) == 13 and {len(row) for row in rows} == {16}, rows
assert rows[0][:3] == ["id", "created_at", "tenant_id"], rows[0]
for separator in ",;\t":
    for row in csv.reader(text.splitlines(keepends=True), delimiter=separator):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@")), (separator, cell)
for line in text.replace("\r", "\n").split("\n"):
    assert not line.startswith(("=", "+", "-", "@")), line
)",
                                                 folder.path() + "/audit.csv"}});
  CAPTURE(read.errors, response.body);
  REQUIRE(read.exit_code == 0);
}

TEST_CASE("audit export: it goes on behind a cursor, and has no limit") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client);
  const auto ids = append_many(client, tenant, 3);
  const HttpResponse rest = export_of(client, of(tenant) + "&cursor=" + ids[1], kNdjson);
  REQUIRE(lines_of(rest.body).size() == 1);
  REQUIRE(Json::parse(rest.body).at("id") == ids[2]);
  REQUIRE(rejected_fields(export_of(client, of(tenant) + "&limit=5", kCsv)) == Fields{"limit"});
  REQUIRE(client.send({.method = "HEAD", .path = "/v1/audit" + of(tenant), .headers = {kCsv}})
              .body.empty());
}

TEST_CASE("audit export: errors come before it begins, as for a page") {
  HttpClient client = shared_service().client();
  REQUIRE(rejected_fields(export_of(client, "?tenant_id=x", kCsv)) == Fields{"tenant_id"});
  const HttpResponse nothing = export_of(client, std::string("?tenant_id=") + kNobody, kNdjson);
  REQUIRE(nothing.status == 200);
  REQUIRE(nothing.body.empty());
}

TEST_CASE("audit export: memory stays where it is, however long the export", "[racing]") {
  Service service;
  HttpClient client = service.client();
  const Json tenant = client.post("/v1/tenants", {{"slug", "large"}, {"name", "L"}}).json();
  append_many(client, tenant, 5'000, std::string(5'000, 'x'));
  // Pages, and what libraries keep for themselves, once.
  REQUIRE(client.get("/v1/audit?limit=500").status == 200);
  const int pid = service.function("audit_list").pid();
  const std::int64_t before = memory_of(pid);
  const HttpResponse response = export_of(client, "", kNdjson);
  REQUIRE(lines_of(response.body).size() == 5'001);
  REQUIRE(response.body.size() > std::size_t{24} << 20U);
  REQUIRE(memory_of(pid) - before < std::int64_t{16} << 20U);
}

TEST_CASE("audit export: readers that stop reading hold nobody up, and not for long", "[racing]") {
  Service service(Environment{{"WORKERS", "1"}});
  HttpClient client = service.client();
  const Json tenant = client.post("/v1/tenants", {{"slug", "large"}, {"name", "L"}}).json();
  append_many(client, tenant, 5'000, std::string(5'000, 'x'));
  const auto ended = [&] {
    std::size_t count = 0;
    const std::string log = service.log_of("audit_list");
    for (std::size_t at = 0; (at = log.find("\"status\":200", at)) != std::string::npos; ++at) {
      ++count;
    }
    return count;
  };
  {
    const std::vector<std::unique_ptr<StuckReader>> readers = [&] {
      std::vector<std::unique_ptr<StuckReader>> four;
      for (int i = 0; i < 4; ++i) four.push_back(std::make_unique<StuckReader>(service, ""));
      return four;
    }();
    // One worker, and four who wait for their readers: pages are to be had, a fifth export is not.
    REQUIRE(client.get("/v1/audit?limit=1").status == 200);
    require_problem(export_of(client, "", kNdjson), 503, "unavailable");
    REQUIRE(ended() == 1);
    wait_until("the end of all exports", [&] { return ended() == 5; });
  }
  REQUIRE(export_of(client, "?limit=1", "Accept: */*").status == 200);
  REQUIRE(lines_of(export_of(client, "", kNdjson).body).size() == 5'001);
}

TEST_CASE("audit export: a slow reader gets all of it", "[racing][embedded]") {
  Service service;
  HttpClient client = service.client();
  const Json tenant = client.post("/v1/tenants", {{"slug", "large"}, {"name", "L"}}).json();
  append_many(client, tenant, 5'000, std::string(5'000, 'x'));
  StuckReader reader(service, "");
  // Longer than a function waits for somebody who takes nothing.
  reader.read_slowly(std::chrono::seconds(12), std::size_t{1} << 20U);
  REQUIRE(reader.read_on().ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("audit export: whoever reads one that breaks off is told", "[racing]") {
  Service service;
  HttpClient client = service.client();
  const Json tenant = client.post("/v1/tenants", {{"slug", "large"}, {"name", "L"}}).json();
  append_many(client, tenant, 5'000, std::string(5'000, 'x'));
  for (const int signal : {SIGKILL, SIGTERM}) {
    CAPTURE(signal);
    StuckReader reader(service, "");
    const int result = service.stop_function("audit_list", signal);
    const std::string received = reader.read_on();
    REQUIRE(received.size() > 1'000);
    REQUIRE_FALSE(received.ends_with("\r\n0\r\n\r\n"));
    REQUIRE(result == (signal == SIGTERM ? 0 : -SIGKILL));
    service.start_function("audit_list");
    REQUIRE(client.get("/v1/audit?limit=1").status == 200);
  }
}

}  // namespace registry::test
