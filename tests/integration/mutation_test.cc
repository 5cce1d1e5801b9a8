#include <random>

#include "tests/integration/integration.h"

// Wrong input never gives a 5xx, always an answer in shape, and never writes. The requests are the
// same in every run, byte by byte, names and ids too.
namespace registry::test {
namespace {

constexpr int kRequests = 4'000;

struct RawRequest {
  std::string method;
  std::string target;
  std::vector<std::string> headers;
  std::string body;
};

std::string bytes_of(const RawRequest& request) {
  std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& header : request.headers) bytes += header + "\r\n";
  bytes += "Connection: close\r\n\r\n" + request.body;
  // The end of a chunked body, where a header says that it is one: nginx need not wait for it.
  return bytes + "\r\n0\r\n\r\n";
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  RawRequest next(const Json& tenant) {
    RawRequest request = base(tenant);
    for (std::size_t i = below(3); i > 0; --i) mutate(request);
    if (!request.body.empty() && below(10) != 0) {
      request.headers.push_back("Content-Length: " + std::to_string(request.body.size()));
    }
    return request;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

  RawRequest base(const Json& tenant) {
    const std::string id = tenant.at("id");
    const std::string slug = tenant.at("slug");
    const std::string json = "Content-Type: application/json";
    const std::vector<RawRequest> all = {
        {"GET", "/healthz", {}, ""},
        {"GET", "/v1/catalog", {"If-None-Match: \"x\""}, ""},
        {"GET", "/v1/tenants/" + id, {}, ""},
        {"GET", "/v1/tenants/by-slug/" + slug, {}, ""},
        {"GET", "/v1/entitlements?tenant_id=" + id + "&product=certifai", {}, ""},
        {"POST",
         "/v1/tenants",
         {json},
         R"({"slug":"mutant-)" + std::to_string(++mutants_) +
             R"(","name":"Mutant é","plan":"pro"})"},
        {"POST",
         "/v1/tenants/" + id + "/activate",
         {json},
         R"({"plan":"gold","contract_start":"2026-01-01","contract_end":"2027-01-01"})"},
        {"POST", "/v1/tenants/" + id + "/cancel", {json}, R"({"reason":"mutation"})"},
    };
    return one_of(all);
  }

  void mutate(RawRequest& request) {
    const std::vector<std::string> methods = {"GET",    "HEAD",    "POST",  "PUT",
                                              "DELETE", "OPTIONS", "PATCH", "TRACE",
                                              "BREW",   "CONNECT", "get"};
    const std::vector<std::string> pieces = {
        "%",      "%2",   "%zz", "%00",     "%ff",     "%2F",   "%2e%2e",      "/",    "//",
        "..",     "?",    "&",   "=",       "+",       "#",     "\\",          ";",    "'",
        "\"",     "{",    "}",   "[",       "]",       "\x01",  "\x7f",        "\xff", "\xc3\xa9",
        "%c3%a9", "null", "-1",  "\\u0000", "\\ud800", "1e999", "tenant_id=x", "\t",   " "};
    const std::vector<std::string> headers = {"Content-Type: text/plain",
                                              "Content-Type: application/json; charset=latin1",
                                              "Content-Type: \xff",
                                              "Content-Length: 0",
                                              "Content-Length: 99999999999999999999",
                                              "Content-Length: x",
                                              "Transfer-Encoding: chunked",
                                              "Transfer-Encoding: nonsense",
                                              "X-Request-Id: \"<>",
                                              "User-Agent: \xf0\x9f\x98",
                                              "If-None-Match: ,,,\"",
                                              "Traceparent: 00-zz",
                                              "Authorization: Bearer x",
                                              "Expect: 100-continue",
                                              "Range: bytes=0-1",
                                              "Host: two",
                                              "Cookie: " + std::string(9'000, 'c'),
                                              "Bad Header",
                                              ": none"};
    switch (below(6)) {
      case 0:
        request.method = one_of(methods);
        return;
      case 1:
        request.headers.push_back(one_of(headers));
        return;
      case 2:
        return insert(request.target, one_of(pieces), 1);
      case 3:
        return insert(request.body, one_of(pieces), 0);
      case 4:
        return flip(request.body);
      default:
        request.body.insert(0, below(2) == 0 ? std::string(70'000, ' ') : std::string(5'000, '['));
    }
  }

  void insert(std::string& text, const std::string& piece, std::size_t from) {
    text.insert(from + below(text.size() + 1 - from), piece);
  }

  void flip(std::string& text) {
    if (!text.empty()) text[below(text.size())] = static_cast<char>(random_());
  }

  std::mt19937 random_;
  int mutants_ = 0;
};

// Sends the bytes and gives the whole final answer.
std::string exchange_mutation(const std::string& bytes) {
  std::string answer = exchange_bytes(shared_service().port(), bytes);
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  if (answer.starts_with(interim)) answer.erase(0, interim.size());
  return answer;
}

int status_of(const std::string& answer) {
  REQUIRE(answer.starts_with("HTTP/1.1 "));
  return std::stoi(answer.substr(9, 3));
}

void require_problem_shape(const std::string& answer, int status) {
  REQUIRE(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
  const Json problem = Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  REQUIRE(problem.at("status") == status);
  REQUIRE(problem.at("type") ==
          "urn:tenant-registry:problem:" + problem.at("code").get<std::string>());
  REQUIRE(problem.at("request_id").is_string());
}

}  // namespace

TEST_CASE("wrong input: mutated requests are never a 5xx, always in shape, and write nothing") {
  HttpClient client = shared_service().client();
  const Json tenant = make_tenant(client, {{"id", "5eed0000-0000-4000-8000-000000000001"},
                                           {"slug", "mutation-base"},
                                           {"name", "Mutation"}});
  Mutator mutator(20260519);
  int refused = 0;
  RowCounts before = shared_database().row_counts();
  for (int i = 0; i < kRequests; ++i) {
    const RawRequest request = mutator.next(tenant);
    const std::string bytes = bytes_of(request);
    INFO("request " << i << ": " << bytes.substr(0, 2'000));
    const std::string answer = exchange_mutation(bytes);
    const RowCounts after = shared_database().row_counts();
    INFO("answer: " << answer);
    const int status = status_of(answer);
    REQUIRE(status < 500);
    if (status >= 400) {
      ++refused;
      if (request.method != "HEAD") require_problem_shape(answer, status);
      REQUIRE(after == before);
    }
    before = after;
  }
  // The mutations are worth something only while they hit.
  REQUIRE(refused > kRequests / 4);
}

}  // namespace registry::test
