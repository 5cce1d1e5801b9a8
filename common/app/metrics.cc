#include "common/app/metrics.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/private_folder.h"
#include "common/base/program_version.h"

namespace registry {
namespace {

// In a file a counter has the name of its family, and of a labelled one "family|value of the
// label".
constexpr char kLabelMark = '|';
// More functions than there ever are; what else is in the folder is not looked at.
constexpr std::size_t kFilesLimit = 256;

constexpr std::string_view kRequests = "requests";
constexpr std::string_view kDuration = "duration";
constexpr std::string_view kDurationUs = "duration_us";
constexpr std::string_view kStoreUs = "store_us";
constexpr std::string_view kStoreFailure = "store_failures";
constexpr std::string_view kKeyEvent = "key_events";
constexpr std::string_view kArgon2Queue = "argon2_queue";
constexpr std::string_view kStarts = "starts";
constexpr std::string_view kBuild = "build";
constexpr std::string_view kOverflow = "+Inf";

// What alerts are about.
constexpr std::array<int, 2> kWatchedStatuses = {500, 503};

// In the order of the enumerators.
constexpr std::array<std::string_view, 2> kStoreFailureNames = {"unavailable", "failed"};
constexpr std::array<std::string_view, 6> kKeyEventNames = {
    "match_remembered", "mismatch_remembered", "argon2", "joined", "refused", "failed"};

enum class Unit { kOne, kMicroseconds };

struct Family {
  std::string_view in_file;
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::string_view label;  // empty: there is one number
  Unit unit = Unit::kOne;
};

constexpr std::string_view kHistogram = "tenant_registry_request_duration_seconds";

constexpr std::array<Family, 7> kFamilies = {{
    {kRequests, "tenant_registry_requests_total", "counter", "Requests that functions answered.",
     "status"},
    {kStoreUs, "tenant_registry_store_seconds_total", "counter",
     "For how long requests waited for the store.", "", Unit::kMicroseconds},
    {kStoreFailure, "tenant_registry_store_errors_total", "counter",
     "Operations of the store that failed: an outage (unavailable), or a bug (failed).", "kind"},
    {kKeyEvent, "tenant_registry_api_key_proofs_total", "counter",
     "Callers with an API key that was known from memory, that waited along for another caller's "
     "proof, or that were sent away; and the proofs by argon2, done and failed.",
     "result"},
    {kArgon2Queue, "tenant_registry_argon2_queue", "gauge",
     "Callers that wait for argon2, which proves and makes API keys.", ""},
    {kStarts, "tenant_registry_process_starts_total", "counter", "Processes that were started.",
     ""},
    {kBuild, "tenant_registry_build_info", "gauge", "1 for the version that runs, or ran last.",
     "version"},
}};

std::string name_of(std::string_view family, std::string_view label) {
  return std::string(family).append(1, kLabelMark).append(label);
}

// As few digits as tell it: 0.0005, 1, 12.345678.
std::string seconds(std::uint64_t microseconds) {
  constexpr std::uint64_t kPerSecond = 1'000'000;
  std::string text = std::to_string(microseconds / kPerSecond);
  if (microseconds % kPerSecond == 0) return text;
  std::string fraction = std::to_string(microseconds % kPerSecond + kPerSecond).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text.append(1, '.').append(fraction);
}

std::string seconds(std::chrono::microseconds duration) {
  return seconds(static_cast<std::uint64_t>(duration.count()));
}

// What may stand between quotation marks as it is. Only a file that is not ours has anything else.
bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_ascii_alphanumeric(c) || std::string_view("_.+-").find(c) != std::string_view::npos;
  });
}

using Counts = std::map<std::string, std::uint64_t, std::less<>>;
using CountsOfFunctions = std::map<std::string, Counts>;

void add_header(std::string& text, std::string_view name, std::string_view type,
                std::string_view help) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void add_sample(std::string& text, std::string_view name, std::string_view function,
                std::string_view label, std::string_view label_value, std::string_view value) {
  text.append(name).append("{function=\"").append(function).append("\"");
  if (!label.empty()) {
    text.append(",").append(label).append("=\"").append(label_value).append("\"");
  }
  text.append("} ").append(value).append("\n");
}

void add_family(std::string& text, const Family& family, const CountsOfFunctions& functions) {
  add_header(text, family.name, family.type, family.help);
  for (const auto& [function, counts] : functions) {
    for (const auto& [name, value] : counts) {
      const std::size_t mark = std::min(name.find(kLabelMark), name.size());
      const bool has_label = mark < name.size();
      if (std::string_view(name).substr(0, mark) != family.in_file) continue;
      if (has_label == family.label.empty()) continue;
      const std::string label = has_label ? name.substr(mark + 1) : "";
      if (has_label && !is_plain(label)) continue;
      // Versions that ran before.
      if (family.in_file == kBuild && value == 0) continue;
      // Processes that start at once may have a counter each for it.
      const std::uint64_t number = family.in_file == kBuild ? 1 : value;
      add_sample(text, family.name, function, family.label, label,
                 family.unit == Unit::kOne ? std::to_string(number) : seconds(number));
    }
  }
}

std::uint64_t count_of(const Counts& counts, std::string_view name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

// The buckets of the file are apart, those of Prometheus contain all smaller ones.
void add_histogram(std::string& text, const CountsOfFunctions& functions) {
  add_header(text, kHistogram, "histogram",
             "From a function's first look at a request to its end.");
  const std::string bucket = std::string(kHistogram) + "_bucket";
  for (const auto& [function, counts] : functions) {
    if (!counts.contains(kDurationUs)) continue;
    std::uint64_t sum = 0;
    for (const auto bound : Metrics::kDurationBounds) {
      sum += count_of(counts, name_of(kDuration, seconds(bound)));
      add_sample(text, bucket, function, "le", seconds(bound), std::to_string(sum));
    }
    sum += count_of(counts, name_of(kDuration, kOverflow));
    add_sample(text, bucket, function, "le", kOverflow, std::to_string(sum));
    add_sample(text, std::string(kHistogram) + "_sum", function, "", "",
               seconds(count_of(counts, kDurationUs)));
    add_sample(text, std::string(kHistogram) + "_count", function, "", "", std::to_string(sum));
  }
}

// The regular files of the folder whose names could be those of functions.
tl::expected<std::vector<std::string>, std::string> function_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    const bool is_name = std::all_of(name.begin(), name.end(),
                                     [](char c) { return is_ascii_alphanumeric(c) || c == '_'; });
    if (is_name && names.size() < kFilesLimit) names.push_back(std::move(name));
  }
  if (error) return tl::unexpected(error.message());
  return names;
}

}  // namespace

Metrics::Metrics(CounterFile file)
    : file_(std::move(file)),
      duration_us_(file_.counter(kDurationUs)),
      store_us_(file_.counter(kStoreUs)),
      argon2_queue_(file_.counter(kArgon2Queue)) {
  for (std::size_t i = 0; i < kDurationBounds.size(); ++i) {
    durations_.at(i) = file_.counter(name_of(kDuration, seconds(kDurationBounds.at(i))));
  }
  durations_.back() = file_.counter(name_of(kDuration, kOverflow));
  for (std::size_t i = 0; i < store_failures_.size(); ++i) {
    store_failures_.at(i) = file_.counter(name_of(kStoreFailure, kStoreFailureNames.at(i)));
  }
  for (std::size_t i = 0; i < key_events_.size(); ++i) {
    key_events_.at(i) = file_.counter(name_of(kKeyEvent, kKeyEventNames.at(i)));
  }
  // From 0 on: a counter that begins at 1 shows no increase.
  for (const int status : kWatchedStatuses) static_cast<void>(requests_with(status));
  file_.counter(kStarts).add();
  file_.counter(name_of(kBuild, kProgramVersion)).set(1);
}

void Metrics::count_request(int status, std::chrono::microseconds duration,
                            std::chrono::microseconds in_store) {
  requests_with(status).add();
  const auto* const bucket =
      std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(), duration);
  durations_.at(static_cast<std::size_t>(bucket - kDurationBounds.begin())).add();
  duration_us_.add(static_cast<std::uint64_t>(duration.count()));
  store_us_.add(static_cast<std::uint64_t>(in_store.count()));
}

void Metrics::count_store_failure(StoreFailure failure) const {
  store_failures_.at(static_cast<std::size_t>(failure)).add();
}

void Metrics::count_key_event(KeyEvent event) const {
  key_events_.at(static_cast<std::size_t>(event)).add();
}

Counter Metrics::requests_with(int status) {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(status);
  if (found != requests_.end()) return found->second;
  return requests_.emplace(status, file_.counter(name_of(kRequests, std::to_string(status))))
      .first->second;
}

tl::expected<CounterFile, std::string> open_counters(const std::string& folder,
                                                     std::string_view function) {
  if (const std::error_code error = make_private_folder(folder)) {
    return tl::unexpected(error.message());
  }
  constexpr std::array<std::string_view, 2> kTransient = {kArgon2Queue, kBuild};
  return CounterFile::open(folder + "/" + std::string(function), kTransient);
}

tl::expected<std::string, std::string> metrics_text(const std::string& folder) {
  const auto names = function_names(folder);
  if (!names) return tl::unexpected(names.error());
  CountsOfFunctions functions;
  int unreadable = 0;
  for (const std::string& name : *names) {
    const auto counts = read_counters(folder + "/" + name);
    if (!counts) {
      ++unreadable;
      continue;
    }
    for (const NamedCount& count : *counts) functions[name].emplace(count.name, count.value);
  }
  std::string text;
  for (const Family& family : kFamilies) add_family(text, family, functions);
  add_histogram(text, functions);
  constexpr std::string_view kUnreadable = "tenant_registry_unreadable_metrics_files";
  add_header(text, kUnreadable, "gauge", "Files of METRICS_DIR that are missing in this answer.");
  return text.append(kUnreadable).append(" ").append(std::to_string(unreadable)).append("\n");
}

}  // namespace registry
