#include "common/fcgi/exchange.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <future>
#include <initializer_list>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/wipe.h"
#include "common/fcgi/request_assembler.h"
#include "tests/support/catch.h"
#include "tests/support/socket.h"
#include "tests/unit/fastcgi_peer.h"
#include "tests/unit/libfcgi.h"

namespace registry::fcgi {
namespace {

using test::Variables;

std::string stream_of(const std::string& request) {
  RequestAssembler assembler(0);
  assembler.feed(request);
  REQUIRE(assembler.state() == RequestAssembler::State::kComplete);
  return assembler.params_stream();
}

std::string stream_of(const Variables& variables, int request_id = 1) {
  return stream_of(test::fastcgi_request({.variables = variables, .request_id = request_id}));
}

// A secret value that is nowhere in memory unless a test writes it there: it is computed.
constexpr std::size_t kSecretBytes = 64;
char secret_byte(std::size_t at) {
  return static_cast<char>(0x80U | (at % kSecretBytes * 37U));
}

// Writes secrets over each byte of a placeholder, in place: a text that grows leaves copies behind.
std::string with_secrets(std::string text) {
  std::size_t at = 0;
  for (char& byte : text) {
    if (byte == 'X') byte = secret_byte(at++);
  }
  return text;
}

bool are_secrets(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != secret_byte(i)) return false;
  }
  return true;
}

// Looks for the secret as a whole, wherever it begins.
bool holds_a_secret(std::string_view memory) {
  while (memory.size() >= kSecretBytes) {
    const std::size_t at = memory.find(secret_byte(0));
    if (at == std::string_view::npos || memory.size() - at < kSecretBytes) return false;
    memory.remove_prefix(at);
    if (are_secrets(memory.substr(0, kSecretBytes))) return true;
    memory.remove_prefix(1);
  }
  return false;
}

// Whether the memory of this process holds the secret, in use or freed.
bool does_memory_hold_a_secret() {
  // A sanitizer maps terabytes for what it notes of other memory.
  constexpr std::uint64_t kMappingLimit = std::uint64_t{256} << 20U;
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;
  const UniqueFd memory(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  std::ifstream mappings("/proc/self/maps");
  std::string piece(kPieceBytes, '\0');
  bool is_found = false;
  for (std::string line; std::getline(mappings, line);) {
    const std::uint64_t begin = std::stoull(line, nullptr, 16);
    const std::uint64_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    if (line.find(" rw") == std::string::npos || end - begin > kMappingLimit) continue;
    // Pieces overlap, so that a secret across their border is whole in one.
    for (std::uint64_t at = begin; at < end; at += kPieceBytes - kSecretBytes) {
      const ssize_t count = ::pread(memory.get(), piece.data(), std::min(end - at, kPieceBytes),
                                    static_cast<off_t>(at));
      if (count <= 0) break;
      is_found = is_found ||
                 holds_a_secret(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
    }
  }
  wipe(piece);
  return is_found;
}

class ExchangeTest {
 protected:
  ExchangeTest() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    ours_ = UniqueFd(ends[0]);
    peer_ = UniqueFd(ends[1]);
  }

  // Takes part before the Exchange is made.
  struct Prepared {
    Prepared() { initialize_libfcgi_once(); }
  } prepared_;
  Exchange exchange_;
  UniqueFd ours_;
  UniqueFd peer_;
};

TEST_CASE_METHOD(ExchangeTest, "Exchange: parameters are decoded") {
  exchange_.begin(stream_of({{"REQUEST_METHOD", "GET"}, {"EMPTY", ""}, {"A", "x=y"}}));
  CHECK(exchange_.parameter("REQUEST_METHOD") == "GET");
  CHECK(exchange_.parameter("A") == "x=y");
  CHECK(exchange_.parameter("EMPTY").empty());
  CHECK(exchange_.parameter("REQUEST").empty());
  CHECK(exchange_.parameter("MISSING").empty());
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: values around each length are whole") {
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 127, 128, 129, 8183, 8184,
                                                                   8185, 8192, 32'768, 65'000}) {
    CAPTURE(size);
    const std::string value(size, 'v');
    exchange_.begin(stream_of({{"BEFORE", "b"}, {"VALUE", value}, {"AFTER", "a"}}));
    CHECK(exchange_.parameter("BEFORE") == "b");
    CHECK(exchange_.parameter("VALUE") == value);
    CHECK(exchange_.parameter("AFTER") == "a");
    exchange_.abandon();
  }
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: a long name and lengths of four bytes are decoded") {
  const std::string name(300, 'N');
  const std::string params = test::name_value(name, "1") + test::name_value("SHORT", "2", true) +
                             test::name_value("EMPTY", "", true);
  exchange_.begin(stream_of(test::record(test::kBeginRequest, test::begin_body()) +
                            test::record(test::kParams, params) + test::record(test::kParams, {}) +
                            test::record(test::kStdin, {})));
  CHECK(exchange_.parameter(name.c_str()) == "1");
  CHECK(exchange_.parameter("SHORT") == "2");
  CHECK(exchange_.parameter("EMPTY").empty());
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: as many parameters as the assembler lets through") {
  Variables variables;
  for (std::size_t i = 0; i < RequestAssembler::kParamsLimit; ++i) {
    variables.emplace_back("V" + std::to_string(i), std::to_string(i * i));
  }
  exchange_.begin(stream_of(variables));
  for (const auto& [name, value] : variables) CHECK(exchange_.parameter(name.c_str()) == value);
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: nothing of a request is left for the next") {
  exchange_.begin(stream_of({{"FIRST", std::string(5000, '1')}, {"BOTH", "1"}}));
  exchange_.abandon();
  exchange_.begin(stream_of({{"BOTH", "2"}}));
  CHECK(exchange_.parameter("FIRST").empty());
  CHECK(exchange_.parameter("BOTH") == "2");
  REQUIRE(exchange_.finish(ours_, {.head = "h", .body = {}}));
  exchange_.begin(stream_of(Variables{}));
  CHECK(exchange_.parameter("BOTH").empty());
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: no memory holds what it was given") {
  // Around 8192 bytes, libfcgi's buffer ends in the value, at its end and in what follows.
  const auto size =
      GENERATE(std::size_t{64}, 200, 8000, 8150, 8154, 8158, 8159, 8166, 20'000, 65'000);
  const bool is_answered = GENERATE(true, false);
  CAPTURE(size, is_answered);
  // Besides what it says: at the first call from one library into another the dynamic linker keeps
  // the registers on the stack, and those of the first search would have what it compared last.
  REQUIRE_FALSE(does_memory_hold_a_secret());
  std::string stream = with_secrets(stream_of({{"VALUE", std::string(size, 'X')}, {"A", "b"}}));
  Reply reply = {.head = with_secrets("head: " + std::string(100, 'X') + "\r\n\r\n"),
                 .body = with_secrets(std::string(10'000, 'X'))};
  exchange_.begin(stream);
  REQUIRE(exchange_.parameter("VALUE").size() == size);
  REQUIRE(are_secrets(exchange_.parameter("VALUE")));
  if (is_answered) {
    REQUIRE(exchange_.finish(ours_, reply));
  } else {
    exchange_.abandon();
  }
  REQUIRE(does_memory_hold_a_secret());
  wipe(stream);
  wipe(reply.head);
  wipe(reply.body);
  CHECK_FALSE(does_memory_hold_a_secret());
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: a request that was begun twice over is the later one") {
  exchange_.begin(stream_of({{"A", "1"}}));
  exchange_.abandon();
  exchange_.abandon();
  exchange_.begin(stream_of({{"A", "2"}}));
  CHECK(exchange_.parameter("A") == "2");
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: the answer has the request's id and an end") {
  const int id = GENERATE(1, 2, 255, 256, 0x1234, 65'535);
  exchange_.begin(stream_of({{"A", "b"}}, id));
  REQUIRE(exchange_.finish(ours_, {.head = "Status: 200 OK\r\n\r\n", .body = "body"}));
  REQUIRE(ours_);
  const auto answer = test::parse_answer(test::receive_fastcgi_answer(peer_), id);
  CHECK(answer.is_sound);
  CHECK(answer.ends == 1);
  CHECK(answer.output == "Status: 200 OK\r\n\r\nbody");
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: an answer of any length arrives whole") {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 8184, 8192, 65'535, 65'536, 3'000'000}) {
    CAPTURE(size);
    auto received =
        std::async(std::launch::async, [&] { return test::receive_fastcgi_answer(peer_); });
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 % 251);
    exchange_.begin(stream_of({{"A", "b"}}));
    const bool is_sent = exchange_.finish(ours_, {.head = "head\r\n\r\n", .body = body});
    REQUIRE(is_sent);
    const auto answer = test::parse_answer(received.get());
    CHECK(answer.is_sound);
    CHECK(answer.ends == 1);
    CHECK(answer.output == "head\r\n\r\n" + body);
  }
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: a connection is good for one answer after the other") {
  for (int i = 0; i < 10; ++i) {
    exchange_.begin(stream_of({{"A", std::to_string(i)}}));
    REQUIRE(exchange_.finish(ours_, {.head = std::to_string(i), .body = {}}));
    CHECK(test::parse_answer(test::receive_fastcgi_answer(peer_)).output == std::to_string(i));
  }
}

TEST_CASE_METHOD(ExchangeTest, "Exchange: a peer that is gone is told by the result") {
  peer_ = UniqueFd();
  exchange_.begin(stream_of({{"A", "b"}}));
  CHECK_FALSE(exchange_.finish(ours_, {.head = "h", .body = std::string(100'000, 'x')}));
  CHECK_FALSE(ours_);

  // The next connection is none the worse for it.
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  UniqueFd ours(ends[0]);
  const UniqueFd peer(ends[1]);
  exchange_.begin(stream_of({{"A", "c"}}));
  CHECK(exchange_.parameter("A") == "c");
  CHECK(exchange_.finish(ours, {.head = "again", .body = {}}));
  CHECK(test::parse_answer(test::receive_fastcgi_answer(peer)).output == "again");
}

TEST_CASE_METHOD(ExchangeTest,
                 "Exchange: what no assembler lets through is refused, and forgotten") {
  CHECK_THROWS_AS(exchange_.begin("no FastCGI at all"), std::logic_error);
  CHECK_THROWS_AS(exchange_.begin(""), std::logic_error);
  exchange_.begin(stream_of({{"A", "b"}}));
  CHECK(exchange_.parameter("A") == "b");
}

}  // namespace
}  // namespace registry::fcgi
