#include <csignal>
#include <set>
#include <string>

#include "tests/site/responder.h"
#include "tests/site/site.h"
#include "tests/support/callers.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

// What nginx keeps connections for, and what it sends again when one of them ends.
namespace registry::test {
namespace {

using Act = Responder::Act;

constexpr const char* kTenant = "/v1/tenants/00000000-0000-0000-0000-000000000001";

std::set<int> connections_of(const Responder& responder) {
  std::set<int> numbers;
  for (const Responder::Seen& request : responder.seen()) numbers.insert(request.connection);
  return numbers;
}

// Each call comes from another client of a private network, so that no limit is met.
std::string from_client(int number) {
  return from_address("10.0." + std::to_string(number / 250 % 250) + "." +
                      std::to_string(number % 250 + 1));
}

}  // namespace

TEST_CASE("kept connections: reads go through one, also where their path has a write") {
  const auto [operation, path] = GENERATE(table<std::string, std::string>({
      {"tenant_get", kTenant},
      {"api_key_list", "/v1/api-keys"},
      {"audit_list", "/v1/audit"},
  }));
  CAPTURE(operation);
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/" + operation + ".sock", {});
  const Site site(sockets.path(), {});
  HttpClient client = site.client();
  for (int i = 0; i < 4; ++i) REQUIRE(client.get(path).status == 200);
  REQUIRE(responder.seen().size() == 4);
  REQUIRE(responder.seen().front().keep);
  REQUIRE(connections_of(responder) == std::set<int>{1});
}

TEST_CASE("kept connections: writes have one each") {
  const auto [operation, method, path] = GENERATE(table<std::string, std::string, std::string>({
      {"tenant_create", "POST", "/v1/tenants"},
      {"api_key_create", "POST", "/v1/api-keys"},
      {"audit_append", "POST", "/v1/audit"},
      {"api_key_revoke", "DELETE", "/v1/api-keys/00000000-0000-0000-0000-000000000001"},
  }));
  CAPTURE(operation);
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/" + operation + ".sock", {});
  const Site site(sockets.path(), {});
  HttpClient client = site.client();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.send({.method = method, .path = path}).status == 200);
  }
  REQUIRE(connections_of(responder) == std::set<int>{1, 2, 3});
}

TEST_CASE("kept connections: a read that meets the end of one is sent again, and answered") {
  const auto [operation, path] = GENERATE(table<std::string, std::string>({
      {"tenant_get", kTenant},
      {"api_key_list", "/v1/api-keys"},
  }));
  CAPTURE(operation);
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/" + operation + ".sock",
                            {Act::kAnswer, Act::kHangUp});
  const Site site(sockets.path(), {});
  HttpClient client = site.client();
  REQUIRE(client.get(path).status == 200);
  const std::string id = unique_name("again");
  REQUIRE(client.send({.path = path, .headers = {"X-Request-Id: " + id}}).status == 200);
  REQUIRE(responder.seen().size() == 3);
  REQUIRE(connections_of(responder) == std::set<int>{1, 2});
  // In the log the second attempt is one.
  REQUIRE(site.access_log_entry(id).at("upstream_status") == "502, 200");
}

TEST_CASE("kept connections: a read that ends its function twice is 502") {
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/tenant_get.sock",
                            {Act::kAnswer, Act::kHangUp, Act::kHangUp});
  const Site site(sockets.path(), {});
  HttpClient client = site.client();
  REQUIRE(client.get(kTenant).status == 200);
  REQUIRE(client.get(kTenant).status == 502);
  REQUIRE(responder.seen().size() == 3);
}

TEST_CASE("writes: one that gets no answer is 502, and was sent once") {
  const auto [operation, method, path] = GENERATE(table<std::string, std::string, std::string>({
      {"tenant_create", "POST", "/v1/tenants"},
      {"api_key_create", "POST", "/v1/api-keys"},
      {"audit_append", "POST", "/v1/audit"},
  }));
  CAPTURE(operation);
  const TempFolder sockets;
  const std::string path_of_socket = sockets.path() + "/" + operation + ".sock";
  // A second function that could be asked as well.
  const Responder responder(path_of_socket, {Act::kAnswer, Act::kHangUp});
  const Responder other(sockets.path() + "/other.sock", {Act::kHangUp, Act::kHangUp});
  const Site site(
      sockets.path(),
      {.upstreams = {{operation, "server unix:" + sockets.path() + "/other.sock backup;"}}});
  HttpClient client = site.client();
  REQUIRE(client.send({.method = method, .path = path}).status == 200);
  REQUIRE(client.send({.method = method, .path = path}).status == 502);
  REQUIRE(responder.seen().size() == 2);
  REQUIRE(other.seen().empty());
}

TEST_CASE("writes: a revocation that gets no answer is sent to another place, being idempotent") {
  const TempFolder sockets;
  const Responder responder(sockets.path() + "/api_key_revoke.sock", {Act::kHangUp});
  const Responder other(sockets.path() + "/other.sock", {});
  const std::string servers = "server unix:" + sockets.path() + "/other.sock backup;";
  const Site site(sockets.path(), {.upstreams = {{"api_key_revoke", servers}}});
  const std::string path = "/v1/api-keys/00000000-0000-0000-0000-000000000001";
  REQUIRE(site.client().send({.method = "DELETE", .path = path}).status == 200);
  REQUIRE(responder.seen().size() == 1);
  REQUIRE(other.seen().size() == 1);
}

TEST_CASE(
    "upstreams: a function may be on several machines, and each call goes to one that is up") {
  const auto [operation, method, path] = GENERATE(table<std::string, std::string, std::string>({
      {"tenant_get", "GET", kTenant},
      {"tenant_create", "POST", "/v1/tenants"},
      {"audit_append", "POST", "/v1/audit"},
      {"audit_list", "GET", "/v1/audit"},
      {"api_key_revoke", "DELETE", "/v1/api-keys/00000000-0000-0000-0000-000000000001"},
  }));
  CAPTURE(operation);
  const TempFolder sockets;
  const Responder other(sockets.path() + "/other.sock", {});
  // Neither is there: the function of this machine, and one on a machine that refuses.
  const std::string servers = "server unix:" + sockets.path() + "/nobody.sock;" +
                              "server unix:" + sockets.path() + "/other.sock;";
  const Site site(sockets.path(), {.upstreams = {{operation, servers}}});
  HttpClient client = site.client();
  for (int i = 0; i < 4; ++i) {
    REQUIRE(client.send({.method = method, .path = path}).status == 200);
  }
  REQUIRE(other.seen().size() == 4);
}

TEST_CASE("restarts: under load no read or write goes without its answer, and no write is twice") {
  Service service;
  const Site site(service);
  const auto make_client = [&] { return site.client(); };
  Callers readers(2, make_client, [](HttpClient& client, int number) {
    const HttpRequest request = {.path = "/v1/tenants/by-slug/acme",
                                 .headers = {from_client(number)}};
    return client.send(request).status == 200;
  });
  // Had one happened twice, the second would have found its slug taken: 409.
  Callers writers(2, make_client, [](HttpClient& client, int number) {
    const Json body = {{"slug", unique_name("load")}, {"name", "Load"}};
    const HttpRequest request = {.method = "POST",
                                 .path = "/v1/tenants",
                                 .body = body.dump(),
                                 .headers = {from_client(number)}};
    return client.send(request).status == 201;
  });
  for (int round = 0; round < 10; ++round) {
    const std::string operation = round % 2 == 0 ? "tenant_get_by_slug" : "tenant_create";
    REQUIRE(service.stop_function(operation, SIGTERM) == 0);
    service.start_function(operation);
    // Of the new process: the old one is not there any more.
    const int reads = readers.calls();
    const int writes = writers.calls();
    wait_until("more calls",
               [&] { return readers.calls() > reads + 20 && writers.calls() > writes + 20; });
  }
  REQUIRE(readers.stop() == 0);
  REQUIRE(writers.stop() == 0);
  REQUIRE(service.log_problems().empty());
  REQUIRE(site.alarms().empty());
}

}  // namespace registry::test
