#include "tests/support/log_search.h"

#include <algorithm>
#include <cctype>
#include <mutex>

namespace registry::test {
namespace {

constexpr std::string_view kKeyStart = "bp_";
constexpr std::size_t kKeyCharacters = 22;  // behind the start
constexpr std::string_view kHashStart = "argon2id|";

bool is_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

bool holds_key(std::string_view log) {
  for (std::size_t at = log.find(kKeyStart); at != log.npos; at = log.find(kKeyStart, at + 1)) {
    const std::string_view key = log.substr(at + kKeyStart.size(), kKeyCharacters);
    if (key.size() == kKeyCharacters && std::all_of(key.begin(), key.end(), is_key_character)) {
      return true;
    }
  }
  return false;
}

// A JWT begins with `{"` in base64url, and has two more parts of some length.
bool holds_token(std::string_view log) {
  constexpr std::string_view kTokenStart = "eyJ";
  constexpr std::size_t kPartCharacters = 16;
  for (std::size_t at = log.find(kTokenStart); at != log.npos; at = log.find(kTokenStart, at + 1)) {
    std::size_t parts = 0;
    std::size_t characters = 0;
    for (std::size_t place = at; place < log.size() && parts < 2; ++place) {
      if (log[place] == '.' && characters >= kPartCharacters) {
        ++parts;
        characters = 0;
      } else if (is_key_character(log[place])) {
        ++characters;
      } else {
        break;
      }
    }
    if (parts == 2) return true;
  }
  return false;
}

struct Search {
  std::mutex mutex;
  int logs = 0;
  std::vector<std::string> findings;
};

Search& search() {
  // Never destroyed: what outlives the end of main hands in its log as well.
  static Search& instance = *new Search;
  return instance;
}

}  // namespace

bool holds_secret(std::string_view log) {
  return log.find(kHashStart) != log.npos || holds_key(log) || holds_token(log);
}

// "ERROR: AddressSanitizer: …", "x.cc:1:2: runtime error: …".
bool holds_report(std::string_view log) {
  return log.find("Sanitizer: ") != log.npos || log.find(": runtime error: ") != log.npos;
}

void search_log(const std::string& name, std::string_view log) {
  const std::lock_guard lock(search().mutex);
  ++search().logs;
  if (holds_secret(log))
    search().findings.push_back(name + " logged a secret of an API key, or a token");
  if (holds_report(log)) {
    search().findings.push_back(name + " logged a sanitizer's report:\n" + std::string(log));
  }
}

std::vector<std::string> log_findings() {
  const std::lock_guard lock(search().mutex);
  std::vector<std::string> findings = search().findings;
  if (search().logs == 0) findings.emplace_back("no log was searched");
  return findings;
}

}  // namespace registry::test
