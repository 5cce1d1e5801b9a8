#include "common/fcgi/request_assembler.h"

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fcgi/exchange.h"
#include "tests/support/catch.h"
#include "tests/unit/fastcgi_peer.h"
#include "tests/unit/libfcgi.h"

namespace registry::fcgi {
namespace {

using test::begin_body;
using test::kBeginRequest;
using test::kParams;
using test::kStdin;
using test::name_value;
using test::record;
using test::record_header;
using State = RequestAssembler::State;

constexpr std::size_t kAssembledLimit = 1000;

RequestAssembler fed(std::string_view bytes, std::size_t body_limit_bytes = kAssembledLimit) {
  RequestAssembler assembler(body_limit_bytes);
  const std::size_t taken = assembler.feed(bytes);
  if (assembler.state() == State::kIncomplete) CHECK(taken == bytes.size());
  return assembler;
}

std::string begin() {
  return record(kBeginRequest, begin_body());
}

std::string request_with_params(std::string_view params) {
  return begin() + test::records(kParams, params) + record(kParams, {}) + record(kStdin, {});
}

std::string request_with_body(std::string_view body) {
  return begin() + record(kParams, name_value("A", "b")) + record(kParams, {}) +
         test::records(kStdin, body) + record(kStdin, {});
}

// Records of every kind, some padded, parameters and body in pieces.
std::string varied_request() {
  const std::string params = name_value("REQUEST_METHOD", "POST") +
                             name_value("LONG", std::string(200, 'x')) + name_value("EMPTY", "") +
                             name_value("SHORT", "y", /*always_four=*/true);
  return record(kBeginRequest, begin_body(1, 1), 0x1234, 7) +
         record(kParams, params.substr(0, 1), 0x1234, 1) +
         record(kParams, params.substr(1, 30), 0x1234) +
         record(kParams, params.substr(31), 0x1234, 255) + record(kParams, {}, 0x1234, 8) +
         record(kStdin, "hello, ", 0x1234) + record(kStdin, "world", 0x1234, 3) +
         record(kStdin, {}, 0x1234, 4);
}

void check_is_varied_request(const RequestAssembler& assembler) {
  CHECK(assembler.state() == State::kComplete);
  CHECK(assembler.keep_connection());
  CHECK(assembler.body() == "hello, world");
  CHECK(assembler.body_bytes() == 12);
  CHECK_FALSE(assembler.is_body_too_large());
  CHECK(assembler.params_stream() == fed(varied_request()).params_stream());
}

TEST_CASE("RequestAssembler: nothing has started before the first byte") {
  RequestAssembler assembler(kAssembledLimit);
  CHECK_FALSE(assembler.has_started());
  CHECK(assembler.feed("") == 0);
  CHECK_FALSE(assembler.has_started());
  CHECK(assembler.feed(begin().substr(0, 1)) == 1);
  CHECK(assembler.has_started());
  CHECK(assembler.state() == State::kIncomplete);
}

TEST_CASE("RequestAssembler: where a request is split does not matter") {
  const std::string request = varied_request();
  for (std::size_t at = 0; at <= request.size(); ++at) {
    RequestAssembler assembler(kAssembledLimit);
    CHECK(assembler.feed(std::string_view(request).substr(0, at)) == at);
    CHECK((assembler.state() == State::kComplete) == (at == request.size()));
    CHECK(assembler.feed(std::string_view(request).substr(at)) == request.size() - at);
    check_is_varied_request(assembler);
  }
}

TEST_CASE("RequestAssembler: a request may come byte by byte") {
  RequestAssembler assembler(kAssembledLimit);
  for (const char byte : varied_request()) CHECK(assembler.feed({&byte, 1}) == 1);
  check_is_varied_request(assembler);
}

TEST_CASE("RequestAssembler: bytes behind a request are left over") {
  const std::string request = varied_request();
  for (const std::string rest : {"x", "\x01\x01", "garbage that is longer than a header"}) {
    RequestAssembler assembler(kAssembledLimit);
    CHECK(assembler.feed(request + rest) == request.size());
    check_is_varied_request(assembler);
    CHECK(assembler.feed(rest) == 0);
    check_is_varied_request(assembler);
  }
}

TEST_CASE("RequestAssembler: starting over, it takes the next request like the first") {
  RequestAssembler assembler = fed(request_with_body(std::string(kAssembledLimit + 1, 'x')));
  CHECK(assembler.is_body_too_large());
  assembler.start_over();
  CHECK(assembler.state() == State::kIncomplete);
  CHECK_FALSE(assembler.has_started());
  CHECK(assembler.body().empty());
  CHECK(assembler.feed(varied_request()) == varied_request().size());
  check_is_varied_request(assembler);
}

TEST_CASE("RequestAssembler: starting over, it wipes what it keeps room for") {
  for (const std::size_t size : {std::size_t{3}, kAssembledLimit}) {
    RequestAssembler assembler = fed(request_with_body(std::string(size, 'x')));
    const std::string_view body = assembler.body();
    assembler.start_over();
    CHECK(body.data() == assembler.body().data());  // it is the same memory
    CHECK(body.find('x') == std::string_view::npos);
  }
}

TEST_CASE("RequestAssembler: whether the connection is kept is what the peer said") {
  CHECK_FALSE(fed(test::fastcgi_request({.keep = false})).keep_connection());
  CHECK(fed(test::fastcgi_request({.keep = true})).keep_connection());
  CHECK(fed(record(kBeginRequest, begin_body(1, 0xFF)) + record(kParams, {}) + record(kStdin, {}))
            .keep_connection());
  CHECK_FALSE(
      fed(record(kBeginRequest, begin_body(1, 0xFE)) + record(kParams, {}) + record(kStdin, {}))
          .keep_connection());
}

TEST_CASE("RequestAssembler: a request without parameters and body is complete") {
  const RequestAssembler assembler = fed(request_with_params({}));
  CHECK(assembler.state() == State::kComplete);
  CHECK(assembler.body().empty());
}

TEST_CASE("RequestAssembler: what a responder of one request cannot serve breaks the connection") {
  const std::string params = record(kParams, name_value("A", "b")) + record(kParams, {});
  const std::vector<std::pair<std::string, std::string>> streams = {
      {"version 0", record_header({.type = kBeginRequest, .content_bytes = 8, .version = 0})},
      {"version 2", record_header({.type = kBeginRequest, .content_bytes = 8, .version = 2})},
      {"HTTP", "GET / HTTP/1.1\r\n"},
      {"request id 0", record(kBeginRequest, begin_body(), 0)},
      {"a short beginning", record(kBeginRequest, begin_body().substr(0, 7))},
      {"a long beginning", record(kBeginRequest, begin_body() + "x")},
      {"an empty beginning", record(kBeginRequest, {})},
      {"no role", record(kBeginRequest, begin_body(0))},
      {"authorizer", record(kBeginRequest, begin_body(2))},
      {"filter", record(kBeginRequest, begin_body(3))},
      {"role 257", record(kBeginRequest, begin_body(257))},
      {"a question before the beginning",
       record(test::kGetValues, name_value("FCGI_MAX_CONNS", ""), 0)},
      {"parameters before the beginning", params},
      {"a body before the beginning", record(kStdin, "x")},
      {"a second beginning", begin() + begin()},
      {"a second beginning of another id", begin() + record(kBeginRequest, begin_body(), 2)},
      {"a body before the parameters", begin() + record(kStdin, "x")},
      {"a body before the end of the parameters",
       begin() + record(kParams, name_value("A", "b")) + record(kStdin, {})},
      {"parameters of another id", begin() + record(kParams, name_value("A", "b"), 2)},
      {"an abort", begin() + record(test::kAbortRequest, {})},
      {"an abort during the body", begin() + params + record(test::kAbortRequest, {})},
      {"a question in between", begin() + record(test::kGetValues, {}, 0)},
      {"parameters after their end", begin() + params + params},
      {"a body of another id", begin() + params + record(kStdin, "x", 2)},
      {"a data stream", begin() + params + record(test::kData, "x")},
      {"a type of the responder", begin() + params + record(test::kStdout, "x")},
      {"an unknown type", begin() + record(99, "x")},
  };
  for (const auto& [what, stream] : streams) {
    CAPTURE(what);
    RequestAssembler assembler = fed(stream);
    CHECK(assembler.state() == State::kBroken);
    CHECK(assembler.feed(varied_request()) == 0);
    CHECK(assembler.state() == State::kBroken);
  }
}

TEST_CASE("RequestAssembler: parameters that do not fill their records break the connection") {
  const std::vector<std::pair<std::string, std::string>> malformed = {
      {"a name without a value", "\x01"},
      {"lengths without text", "\x01\x01"},
      {"a text too short",
       "\x01\x02"
       "AB"},
      {"a text too long", name_value("A", "b") + "x"},
      {"half a long length", std::string("\x01\x80\x00\x00", 4)},
      {"a name of 2 GiB", std::string("\xFF\xFF\xFF\xFF\x01xx", 7)},
      {"a value of 2 GiB", std::string("\x01\xFF\xFF\xFF\xFF"
                                       "Ax",
                                       7)},
      {"both of 2 GiB", std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
                                    "A",
                                    9)},
      {"an empty name", name_value("", "x")},
      {"a name that holds a value", name_value("REQUEST_ID=x", "y")},
      {"an empty pair", std::string("\0\0", 2)},
      {"NUL in a name", name_value(std::string("A\0B", 3), "x")},
      {"NUL in a value", name_value("A", std::string("x\0y", 3))},
  };
  for (const auto& [what, params] : malformed) {
    CAPTURE(what);
    CHECK(fed(request_with_params(params)).state() == State::kBroken);
    CHECK(fed(request_with_params(name_value("A", "b") + params)).state() == State::kBroken);
  }
}

TEST_CASE("RequestAssembler: parameters are accepted up to their limits") {
  constexpr std::size_t kOverhead = 1 + 4 + 1;  // lengths and the name "A"
  const auto of_size = [](std::size_t bytes) {
    return name_value("A", std::string(bytes - kOverhead, 'x'));
  };
  CHECK(of_size(RequestAssembler::kParamsLimitBytes).size() == RequestAssembler::kParamsLimitBytes);
  CHECK(fed(request_with_params(of_size(RequestAssembler::kParamsLimitBytes))).state() ==
        State::kComplete);
  CHECK(fed(request_with_params(of_size(RequestAssembler::kParamsLimitBytes + 1))).state() ==
        State::kBroken);

  std::string params;
  for (std::size_t i = 0; i < RequestAssembler::kParamsLimit; ++i) params += name_value("A", "b");
  CHECK(fed(request_with_params(params)).state() == State::kComplete);
  CHECK(fed(request_with_params(params + name_value("A", "b"))).state() == State::kBroken);
}

TEST_CASE("RequestAssembler: parameters over the limit are refused at the header, unread") {
  const std::string stream = begin() + record(kParams, std::string(65'535, 'x')) +
                             record_header({.type = kParams, .request_id = 1, .content_bytes = 1});
  CHECK(fed(stream).state() == State::kBroken);
}

TEST_CASE("RequestAssembler: a body is kept up to the limit, and what is over it is counted") {
  for (const std::size_t size : {std::size_t{0}, kAssembledLimit - 1, kAssembledLimit}) {
    const RequestAssembler assembler = fed(request_with_body(std::string(size, 'x')));
    REQUIRE(assembler.state() == State::kComplete);
    CHECK(assembler.body().size() == size);
    CHECK(assembler.body_bytes() == size);
    CHECK_FALSE(assembler.is_body_too_large());
  }
  for (const std::size_t size : {kAssembledLimit + 1, std::size_t{200'000}}) {
    const RequestAssembler assembler = fed(request_with_body(std::string(size, 'x')));
    REQUIRE(assembler.state() == State::kComplete);
    CHECK(assembler.body() == std::string(kAssembledLimit, 'x'));
    CHECK(assembler.body_bytes() == size);
    CHECK(assembler.is_body_too_large());
  }
}

TEST_CASE("RequestAssembler: with no limit for a body none is kept") {
  const RequestAssembler assembler = fed(request_with_body("x"), 0);
  CHECK(assembler.state() == State::kComplete);
  CHECK(assembler.body().empty());
  CHECK(assembler.body_bytes() == 1);
  CHECK(assembler.is_body_too_large());
}

TEST_CASE("RequestAssembler: a body without end breaks the connection, keeping no more of it") {
  RequestAssembler assembler = fed(begin() + record(kParams, {}));
  const std::string piece = record(kStdin, std::string(65'535, 'x'));
  int pieces = 0;
  while (assembler.state() == State::kIncomplete) {
    assembler.feed(piece);
    REQUIRE(++pieces < 2000);
    REQUIRE(assembler.body().capacity() < 100 * kAssembledLimit);
  }
  CHECK(assembler.state() == State::kBroken);
  CHECK(pieces == 1025);  // 64 MiB and one more
}

TEST_CASE("RequestAssembler: random bytes keep to the limits") {
  std::mt19937 random(1);  // the same bytes in every run
  const auto number = [&](unsigned below) { return static_cast<std::size_t>(random() % below); };
  for (std::size_t fed_bytes = 0; fed_bytes < 100'000;) {
    RequestAssembler assembler(kAssembledLimit);
    while (assembler.state() == State::kIncomplete && fed_bytes < 100'000) {
      std::string bytes(1 + number(64), '\0');
      for (char& byte : bytes) byte = static_cast<char>(number(256));
      // Half of the time it starts like FastCGI.
      if (number(2) == 0) bytes[0] = 1;
      const std::size_t taken = assembler.feed(bytes);
      REQUIRE(taken <= bytes.size());
      fed_bytes += bytes.size();
    }
    REQUIRE(assembler.body().size() <= kAssembledLimit);
  }
}

TEST_CASE("RequestAssembler: what it lets through of a damaged request, libfcgi reads") {
  initialize_libfcgi_once();
  Exchange exchange;
  std::mt19937 random(2);  // the same damage in every run
  const auto number = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  const std::string request = varied_request();
  int complete = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = request;
    for (std::size_t damage = number(4); damage > 0; --damage) {
      const std::size_t at = number(bytes.size());
      switch (number(3)) {
        case 0:
          bytes[at] = static_cast<char>(number(256));
          break;
        case 1:
          bytes.erase(at, 1 + number(8));
          break;
        default:
          bytes.insert(at, 1 + number(8), static_cast<char>(number(256)));
      }
    }
    RequestAssembler assembler(kAssembledLimit);
    const std::size_t split = number(bytes.size() + 1);
    const std::size_t taken = assembler.feed(std::string_view(bytes).substr(0, split));
    if (taken == split) assembler.feed(std::string_view(bytes).substr(split));
    if (assembler.state() != State::kComplete) continue;
    ++complete;
    REQUIRE(assembler.body().size() <= kAssembledLimit);
    REQUIRE_NOTHROW(exchange.begin(assembler.params_stream()));
    exchange.abandon();
  }
  CHECK(complete > 1000);
}

}  // namespace
}  // namespace registry::fcgi
