#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/fcgi/exchange.h"

namespace registry::fcgi {

// What each thread of a crew has of its own.
struct Worker {
  // As much as is read from a connection at once.
  using Buffer = std::array<char, std::size_t{16} << 10U>;

  Exchange exchange;
  // Not filled: the memory of a thread that reads little is never touched.
  std::unique_ptr<Buffer> buffer = std::make_unique_for_overwrite<Buffer>();
  bool is_aside = false;  // only its own thread and Crew look at it
};

// The threads of a server: as many as there are places work at once. One whose request waits for
// something slow steps aside for the rest of that request, and another one works in its place: one
// that waits for a place, else a new one. Thread-safe.
class Crew {
 public:
  struct Size {
    int places = 0;
    int aside_limit = 0;  // threads besides those at a place
  };

  // `work` is what a thread does with its worker; it calls take_place() after each request, and
  // has to return once that is false or the crew is about to be joined.
  Crew(const Size& size, std::function<void(Worker&)> work);

  // Starts a thread for each place; once. Throws std::system_error when one cannot be started:
  // those that were are to be joined nevertheless.
  void start();

  // For a thread of this crew: gives its place to another thread. Returns whether it stands aside
  // now: not when all of the threads that there may be have something to do, when a new one cannot
  // be started, when the crew ends, or in a thread that is none of this crew's.
  bool step_aside() noexcept;

  // Ends what step_aside() began: waits for a free place. False when the crew ends instead.
  [[nodiscard]] bool take_place(Worker& worker);

  // Either ends the crew: nobody waits for a place any longer, and no thread is started after it.
  void join();
  void detach();

 private:
  struct Member {
    std::unique_ptr<Worker> worker;
    std::thread thread;
  };

  [[nodiscard]] Worker* own_worker();
  void add_thread();
  void end();

  std::size_t thread_limit_;
  int places_;
  std::function<void(Worker&)> work_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Member> members_;  // none leaves before the end
  // Each free place has somebody waiting who is about to take it.
  int free_places_ = 0;
  int waiting_ = 0;
  bool has_ended_ = false;
};

}  // namespace registry::fcgi
