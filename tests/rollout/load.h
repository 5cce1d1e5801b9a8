#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/rollout/rollout_service.h"

namespace registry::test {

// TEST_ROLLOUT_ROUNDS: how many deploys and undos are to prove that no request is lost, if set; 20
// are the proof. A few show in every run that it still holds.
[[nodiscard]] std::optional<int> proof_rounds();

// Clients that call every operation of the service, over and over again, and more of them that call
// the two that tests roll out: GET /v1/tenants/by-slug/{slug} and POST /v1/audit. For a
// proof each calls again as soon as it is answered; else a hundred times in a second at most, which
// leaves the suites that run at the same time their share of the machine.
class Load {
 public:
  explicit Load(const RolloutService& service);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  // How many requests were answered.
  [[nodiscard]] int answers() const { return answers_; }
  // Returns once so many more requests were answered.
  void wait_for_answers(int count) const;
  // Lets each client finish what it is at, and requires that every request had the answer it should
  // have, and that in the database is what clients were told is there, once, and nothing else.
  void require_all_well();
  // Of all answers; once the load has ended.
  [[nodiscard]] std::chrono::milliseconds longest_wait() const { return longest_; }

 private:
  // Ids of what was made, by what it is.
  using Ids = std::map<std::string, std::multiset<std::string>>;

  void call_everything(HttpClient& client);
  void read(HttpClient& client);
  void append(HttpClient& client);
  HttpResponse call(HttpClient& client, const HttpRequest& request, int status);
  void tell(const std::string& what, const std::string& id);
  void tell_made(const std::string& what, const Json& answer);
  void note(const std::string& problem);
  void stop();
  [[nodiscard]] Ids stored() const;

  const RolloutService& service_;
  const Ids before_;
  std::atomic<bool> stop_{false};
  std::atomic<int> answers_{0};
  std::condition_variable stopping_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::string> problems_;
  Ids told_;
  std::chrono::milliseconds longest_{0};
  std::vector<std::jthread> clients_;
};

}  // namespace registry::test
