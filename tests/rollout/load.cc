#include "tests/rollout/load.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "tests/integration/database_fault.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPause{10};  // from one call of a client to its next

// What an operation that makes something makes.
const std::map<std::string, std::string>& makes() {
  static const std::map<std::string, std::string> kMakes = {
      {"tenant_create", "tenant"},        {"api_key_create", "key"},
      {"audit_append", "event"},          {"audit_publish", "event"},
      {"audit_publish_bulk", "event"},    {"tenant_activate", "activation"},
      {"tenant_cancel", "cancellation"},  {"catalog_request", "request"},
      {"catalog_trial_request", "trial"},
  };
  return kMakes;
}

}  // namespace

std::optional<int> proof_rounds() {
  const char* text = std::getenv("TEST_ROLLOUT_ROUNDS");
  return text == nullptr ? std::nullopt : std::optional(std::stoi(text));
}

Load::Load(const RolloutService& service) : service_(service), before_(stored()) {
  const auto start = [this](const std::function<void(HttpClient&)>& once) {
    clients_.emplace_back([this, once] {
      HttpClient client = service_.client();
      while (!stop_) {
        try {
          once(client);
        } catch (const std::exception& error) {
          note(error.what());
        }
      }
    });
  };
  for (int i = 0; i < 2; ++i) start([this](HttpClient& client) { call_everything(client); });
  for (int i = 0; i < 2; ++i) start([this](HttpClient& client) { read(client); });
  for (int i = 0; i < 2; ++i) start([this](HttpClient& client) { append(client); });
}

Load::~Load() {
  stop();
}

void Load::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  clients_.clear();
}

void Load::wait_for_answers(int count) const {
  const int before = answers_;
  wait_until("answers under load", [&] { return answers_ >= before + count; });
}

void Load::call_everything(HttpClient& client) {
  std::string tenant;
  for (const Call& one : calls_of_every_operation()) {
    const HttpResponse response = call(client, one.request, one.status);
    if (one.operation == "tenant_create") tenant = response.json().at("id");
    const auto found = makes().find(one.operation);
    if (found == makes().end()) continue;
    if (found->second == "event" || found->second == "key") {
      tell_made(found->second, response.json());
    } else {
      tell(found->second, tenant);
    }
  }
}

void Load::read(HttpClient& client) {
  static_cast<void>(call(client, {.path = "/v1/tenants/by-slug/acme"}, 200));
}

void Load::append(HttpClient& client) {
  const std::string event = R"({"action":"outage"})";
  const HttpResponse response =
      call(client, {.method = "POST", .path = "/v1/audit", .body = event}, 201);
  tell_made("event", response.json());
}

HttpResponse Load::call(HttpClient& client, const HttpRequest& request, int status) {
  const auto start = steady_clock::now();
  const auto next = proof_rounds() ? start : start + kPause;
  HttpResponse response = client.send(request);
  const auto duration = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  ++answers_;
  if (response.status != status) {
    throw std::runtime_error(request.method + " " + request.path + ": " +
                             std::to_string(response.status) + " " + response.body);
  }
  std::unique_lock lock(mutex_);
  longest_ = std::max(longest_, duration);
  stopping_.wait_until(lock, next, [&] { return stop_.load(); });
  return response;
}

void Load::tell(const std::string& what, const std::string& id) {
  const std::lock_guard lock(mutex_);
  told_[what].insert(id);
}

void Load::tell_made(const std::string& what, const Json& answer) {
  for (const Json& made : answer.is_array() ? answer : Json::array({answer})) {
    tell(what, made.at("id"));
  }
}

void Load::note(const std::string& problem) {
  const std::lock_guard lock(mutex_);
  problems_.push_back(problem);
}

Load::Ids Load::stored() const {
  const auto actions = [](const std::string& action) {
    return "SELECT tenant_id FROM audit_log WHERE action = '" + action + "'";
  };
  const std::map<std::string, std::string> queries = {
      {"tenant", "SELECT id FROM tenants"},
      {"key", "SELECT id FROM api_keys"},
      {"event", "SELECT CAST(id AS text) FROM audit_log WHERE action = 'outage'"},
      {"activation", actions("tenant.activate")},
      {"cancellation", actions("tenant.cancel")},
      {"request", actions("catalog.request")},
      {"trial", actions("catalog.trial_request")},
  };
  Ids found;
  for (const auto& [what, query] : queries) {
    const auto ids = service_.column(query);
    found[what] = {ids.begin(), ids.end()};
  }
  return found;
}

void Load::require_all_well() {
  stop();
  // The first few say it all.
  const auto count = problems_.size();
  problems_.resize(std::min<std::size_t>(count, 5));
  CAPTURE(count, problems_);
  CHECK(problems_.empty());
  const Ids now = stored();
  for (auto [what, ids] : before_) {
    CAPTURE(what);
    const std::multiset<std::string> told = told_[what];
    CHECK(told.size() > 1);
    ids.insert(told.begin(), told.end());
    // Not compared within the assertion, which would print thousands of ids.
    CHECK(ids.size() == now.at(what).size());
    const bool is_same = ids == now.at(what);
    CHECK(is_same);
  }
}

}  // namespace registry::test
