#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace registry::test {

// No log may hold the plaintext of an API key or the stored hash of one: both are told by their
// form, so that no key that was ever issued or presented can be missed.
[[nodiscard]] bool holds_secret(std::string_view log);

// A report of any sanitizer.
[[nodiscard]] bool holds_report(std::string_view log);

// Looks through a log, and notes in log_findings() which one holds a secret or a report. Services
// and servers of the tests hand in theirs when they end. Thread-safe.
void search_log(const std::string& name, std::string_view log);

// What was noted so far, with the log that holds a report; also when no log has been searched.
[[nodiscard]] std::vector<std::string> log_findings();

}  // namespace registry::test
