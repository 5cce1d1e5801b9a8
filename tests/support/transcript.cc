// For the listener, where Catch2 is version 2.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "tests/support/transcript.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <regex>
#include <string>
#include <thread>

#include <unistd.h>

#include "common/base/time.h"
#include "tests/support/catch.h"

namespace registry::test {
namespace {

#if __has_include(<catch2/catch_all.hpp>)
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

// JSON holds text, HTTP bytes: each byte becomes the character of that number.
std::string latin1(std::string_view bytes) {
  std::string text;
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      text.push_back(character);
    } else {
      text.push_back(static_cast<char>(0xC0U | byte >> 6U));
      text.push_back(static_cast<char>(0x80U | (byte & 0x3FU)));
    }
  }
  return text;
}

// The text with each plaintext of an API key made into another one of the same prefix and form, and
// each token into a word.
std::string without_secrets(std::string text) {
  static const std::regex kKey("(bp_[A-Za-z0-9_-]{8})[A-Za-z0-9_-]{13}[AQgw]");
  static const std::regex kToken(R"(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)");
  if (text.find("bp_") != std::string::npos) {
    text = std::regex_replace(text, kKey, "$1-------------A");
  }
  if (text.find("eyJ") != std::string::npos) text = std::regex_replace(text, kToken, "a.b.c");
  return text;
}

Json to_json(const HttpRequest& request) {
  Json headers = Json::array();
  for (const std::string& line : request.headers) headers.push_back(without_secrets(latin1(line)));
  return {{"method", request.method},
          {"path", without_secrets(latin1(request.path))},
          {"headers", headers},
          {"body", request.body ? Json(without_secrets(latin1(*request.body))) : Json()}};
}

Json to_json(const HttpResponse& response) {
  Json headers = Json::array();
  for (const auto& [name, value] : response.headers) {
    headers.push_back({latin1(name), latin1(value)});
  }
  return {{"status", response.status},
          {"headers", headers},
          {"body", without_secrets(latin1(response.body))}};
}

std::atomic<int>& pause_count() {
  static std::atomic<int> count{0};
  return count;
}

class Transcript {
 public:
  void begin_test(const std::string& name, const std::string& tags) {
    const std::lock_guard lock(mutex_);
    test_ = name;
    thread_ = std::this_thread::get_id();
    is_comparable_ = true;
    for (const char* tag : {"[embedded]", "[postgres]", "[racing]"}) {
      if (tags.find(tag) != std::string::npos) is_comparable_ = false;
    }
  }

  void record(const Json& request, const Json& answer) {
    const std::lock_guard lock(mutex_);
    const bool is_comparable = is_comparable_ && pause_count() == 0;
    if (is_comparable && std::this_thread::get_id() != thread_) {
      write({{"test", test_}, {"mistake", "requests of several threads: tag the test [racing]"}});
    }
    write({{"test", test_},
           {"is_comparable", is_comparable},
           {"request", request},
           {"answer", answer}});
  }

  static Transcript* instance() {
    static const char* const kFile = std::getenv("TEST_TRANSCRIPT");
    if (kFile == nullptr) return nullptr;
    static Transcript transcript(kFile);
    return &transcript;
  }

 private:
  // The first line has what the comparison needs to tell the run's own values from others.
  explicit Transcript(const char* file) : file_(file, std::ios::trunc) {
    write({{"pid", ::getpid()}, {"started_at", SystemClock().now().to_string()}});
  }

  void write(const Json& line) {
    file_ << line.dump() << '\n' << std::flush;
    if (!file_) throw std::runtime_error("cannot write TEST_TRANSCRIPT");
  }

  std::mutex mutex_;
  std::ofstream file_;
  std::string test_;
  std::thread::id thread_;
  bool is_comparable_ = false;
};

class TestNames final : public Listener {
 public:
  using Listener::Listener;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    Listener::testCaseStarting(test);
    if (Transcript* transcript = Transcript::instance()) {
      transcript->begin_test(test.name, test.tagsAsString());
    }
  }
};

CATCH_REGISTER_LISTENER(TestNames)

}  // namespace

void record_exchange(const HttpRequest& request, const HttpResponse& response) {
  Transcript* transcript = Transcript::instance();
  if (transcript != nullptr) transcript->record(to_json(request), to_json(response));
}

void record_exchange(std::string_view request, std::string_view answer) {
  Transcript* transcript = Transcript::instance();
  if (transcript != nullptr) transcript->record(latin1(request), latin1(answer));
}

TranscriptPause::TranscriptPause() {
  ++pause_count();
}

TranscriptPause::~TranscriptPause() {
  --pause_count();
}

}  // namespace registry::test
