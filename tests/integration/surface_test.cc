#include "tests/integration/database_fault.h"

// What holds for every operation alike.
namespace registry::test {
namespace {

// Every call with a body, but of the operation that looks at no Content-Type.
std::vector<Call> calls_with_json() {
  std::vector<Call> calls;
  for (const Call& call : calls_of_every_operation()) {
    const bool has_body = call.request.method == "POST" && call.operation != "api_key_verify";
    if (has_body) calls.push_back(call);
  }
  return calls;
}

std::size_t body_limit_bytes(const std::string& operation) {
  return operation.starts_with("audit_") ? std::size_t{10} << 20U : std::size_t{64} << 10U;
}

// Requires a call of each operation, changed, to be refused without a trace.
template <class Calls, class Change, class Require>
void require_refusal(const Calls& calls, const Change& change, const Require& require) {
  HttpClient client = shared_service().client();
  const RowCounts before = shared_database().row_counts();
  for (Call call : calls) {
    CAPTURE(call.operation);
    change(call);
    require(client.send(call.request), call);
  }
  REQUIRE(shared_database().row_counts() == before);
}

}  // namespace

TEST_CASE("every operation: succeeds when it is called as documented") {
  HttpClient client = shared_service().client();
  for (const Call& call : calls_of_every_operation()) {
    CAPTURE(call.operation);
    REQUIRE(client.send(call.request).status == call.status);
  }
}

TEST_CASE("every operation: another method is 405 with Allow, and changes nothing") {
  require_refusal(
      calls_of_every_operation(), [](Call& call) { call.request.method = "PATCH"; },
      [](const HttpResponse& response, const Call&) {
        require_problem(response, 405, "method_not_allowed");
        REQUIRE_FALSE(response.header("allow").value().empty());
      });
}

TEST_CASE("every operation: an unknown query parameter is 400, and changes nothing") {
  require_refusal(
      calls_of_every_operation(),
      [](Call& call) {
        const bool has_query = call.request.path.find('?') != std::string::npos;
        call.request.path += has_query ? "&colour=red" : "?colour=red";
      },
      [](const HttpResponse& response, const Call&) {
        REQUIRE(rejected_fields(response) == std::vector<std::string>{"colour"});
      });
}

TEST_CASE("every operation with a body: one that is not JSON is 415, and changes nothing") {
  require_refusal(
      calls_with_json(),
      [](Call& call) {
        if (!call.request.body) call.request.body = "{}";
        call.request.headers = {"Content-Type: text/plain"};
      },
      [](const HttpResponse& response, const Call&) {
        require_problem(response, 415, "unsupported_media_type");
      });
}

TEST_CASE("every operation with a body: one over the limit is 413, and changes nothing") {
  std::vector<Call> calls = calls_of_every_operation();
  std::erase_if(calls, [](const Call& call) { return call.request.method != "POST"; });
  require_refusal(
      calls,
      [](Call& call) {
        call.request.body = std::string(body_limit_bytes(call.operation) + 1, ' ');
      },
      [](const HttpResponse& response, const Call&) {
        require_problem(response, 413, "too_large");
      });
  // nginx answered, with an error page of its own; its log has what the client sent.
  REQUIRE(shared_service()
              .log_of("nginx_requests")
              .find(R"("method":"POST","route":"","status":413)") != std::string::npos);
}

}  // namespace registry::test
