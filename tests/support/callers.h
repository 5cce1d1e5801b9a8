#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "tests/support/http_client.h"

namespace registry::test {

// Clients that call all the time, each in a thread of its own, until they are told to stop; they
// count what was not answered as it should be.
class Callers {
 public:
  // Whether one call, whose number it is, was answered as it should be. An exception says no.
  using Call = std::function<bool(HttpClient& client, int number)>;

  // `make_client` is called once by each thread.
  Callers(int threads, const std::function<HttpClient()>& make_client, const Call& call) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, make_client, call] {
        HttpClient client = make_client();
        while (!stop_) {
          const int number = ++calls_;
          bool is_right = false;
          try {
            is_right = call(client, number);
          } catch (const std::exception&) {
          }
          if (!is_right) ++failures_;
        }
      });
    }
  }
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;
  ~Callers() { stop(); }

  // The number of wrong or missing answers.
  int stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return failures_;
  }
  [[nodiscard]] int calls() const { return calls_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> calls_{0};
  std::atomic<int> failures_{0};
  std::vector<std::thread> threads_;
};

}  // namespace registry::test
