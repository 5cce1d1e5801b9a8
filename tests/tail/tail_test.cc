// Following the trail while it grows: whoever keeps the last id they saw gets every entry that is
// committed, once, and in order.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "common/base/time.h"
#include "common/store/postgres/connection.h"
#include "common/store/sqlite/connection.h"
#include "tests/support/catch.h"
#include "tests/support/service.h"

namespace registry::test {
namespace {

using Ids = std::vector<std::int64_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kWriters = 16;
// Of these some append through the service; the others have transactions of their own.
constexpr int kProducers = 4;
constexpr int kAbortedPercent = 10;
constexpr const char* kProducts[] = {"certifai", "compliance", "mapping"};

// TEST_TAIL_SECONDS: how long the writers write.
seconds writing_time() {
  const char* text = std::getenv("TEST_TAIL_SECONDS");
  return seconds(text == nullptr ? 60 : std::atoi(text));
}

// The time that a transaction takes is what this test is about: nothing is waited for.
void let_pass(milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

struct Event {
  std::string tenant_id;
  std::string product;
};

// A transaction of a writer that is none of the service's functions.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  // Adds the events one by one, waits, and commits or not. Gives their ids; none when they are not
  // in the trail.
  virtual Ids write(const std::vector<Event>& events, milliseconds pause, bool commits) = 0;
};

class PostgresWriter final : public Writer {
 public:
  explicit PostgresWriter(const std::string& url)
      : db_({.url = url, .application_name = "writer"}) {}

  Ids write(const std::vector<Event>& events, milliseconds pause, bool commits) override {
    Ids ids;
    postgres::Transaction transaction(db_);
    for (const Event& event : events) {
      ids.push_back(db_.query("INSERT INTO audit_log (tenant_id, product, action)"
                              " VALUES ($1::uuid, $2, 'write') RETURNING id",
                              event.tenant_id, event.product)
                        .get<std::int64_t>(0, 0));
      let_pass(pause / static_cast<int>(events.size()));
    }
    if (!commits) return {};
    transaction.commit();
    return ids;
  }

 private:
  postgres::Connection db_;
};

class SqliteWriter final : public Writer {
 public:
  explicit SqliteWriter(const std::string& path) : db_(path) {}

  Ids write(const std::vector<Event>& events, milliseconds pause, bool commits) override {
    Ids ids;
    sqlite::Transaction transaction(db_);
    for (const Event& event : events) {
      auto row = db_.query(
          "INSERT INTO audit_log (tenant_id, product, action) VALUES (?1, ?2, 'write')"
          " RETURNING id",
          event.tenant_id, event.product);
      row.step();
      ids.push_back(row.get<std::int64_t>(0));
    }
    // All others wait for this one.
    let_pass(pause / 40);
    if (!commits) return {};
    transaction.commit();
    return ids;
  }

 private:
  sqlite::Connection db_;
};

// What is in the trail, as its writers know.
class Committed {
 public:
  void add(const std::vector<Event>& events, const Ids& ids) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < ids.size(); ++i) entries_.emplace_back(ids[i], events[i]);
  }

  template <class Condition>
  [[nodiscard]] Ids where(const Condition& condition) const {
    Ids ids;
    for (const auto& [id, event] : entries_) {
      if (condition(event)) ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::int64_t, Event>> entries_;
};

// The service, its writers, and those who follow the trail over HTTP.
class TailRun {
 public:
  TailRun() {
    HttpClient client = service_.client();
    for (int i = 0; i < 3; ++i) {
      const Json body = {{"slug", unique_name("tail")}, {"name", "Tail"}};
      tenants_.push_back(client.post("/v1/tenants", body).json().at("id"));
    }
    const Json newest = client.get("/v1/audit?order=desc&limit=1").json();
    start_ = std::stoll(newest.at("events").at(0).at("id").get<std::string>());
  }

  [[nodiscard]] const std::string& tenant() const { return tenants_.front(); }
  [[nodiscard]] std::string database_url() const { return service_.database_url(); }
  [[nodiscard]] const Committed& committed() const { return committed_; }

  // Writes for so long, and gives what each consumer has seen by the end.
  std::vector<Ids> run(std::chrono::milliseconds time, const std::vector<std::string>& filters) {
    std::vector<Ids> seen(filters.size());
    std::atomic<bool> is_over = false;
    std::vector<std::jthread> consumers;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      consumers.emplace_back([&, i] { follow(filters[i], is_over, seen[i]); });
    }
    {
      const auto end = steady_clock::now() + time;
      std::vector<std::jthread> writers;
      for (int i = 0; i < kWriters; ++i) {
        writers.emplace_back([this, i, end] { i < kProducers ? produce(i, end) : write(i, end); });
      }
    }
    is_over = true;
    consumers.clear();
    return seen;
  }

  // What threads could not do, and what the service has logged.
  [[nodiscard]] std::vector<std::string> problems() {
    std::vector<std::string> found = problems_;
    for (std::string& problem : service_.log_problems()) found.push_back(std::move(problem));
    return found;
  }

 private:
  using Random = std::minstd_rand;

  [[nodiscard]] std::vector<Event> some_events(Random& random) const {
    std::vector<Event> events(1 + random() % 3);
    for (Event& event : events) {
      event.tenant_id = tenants_.at(random() % tenants_.size());
      event.product = kProducts[random() % std::size(kProducts)];
    }
    return events;
  }

  // Runs a thread's work; what it throws is a problem.
  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      problems_.emplace_back(error.what());
    }
  }

  void write(int number, steady_clock::time_point end) {
    guarded([&] {
      Random random(static_cast<unsigned>(number) + 1);
      const std::unique_ptr<Writer> writer = make_writer();
      while (steady_clock::now() < end) {
        const auto events = some_events(random);
        const milliseconds pause(random() % 40);
        const bool commits = random() % 100 >= kAbortedPercent;
        committed_.add(events, writer->write(events, pause, commits));
        if (!is_on_postgres()) let_pass(pause);
      }
    });
  }

  [[nodiscard]] std::unique_ptr<Writer> make_writer() const {
    if (is_on_postgres()) return std::make_unique<PostgresWriter>(service_.database_url());
    return std::make_unique<SqliteWriter>(service_.database_path());
  }

  void produce(int number, steady_clock::time_point end) {
    guarded([&] {
      Random random(static_cast<unsigned>(number) + 1);
      HttpClient client = service_.client();
      while (steady_clock::now() < end) {
        const auto events = some_events(random);
        Json body = Json::array();
        for (const Event& event : events) {
          body.push_back(
              {{"tenant_id", event.tenant_id}, {"product", event.product}, {"action", "append"}});
        }
        const HttpResponse response = client.post("/v1/audit", body);
        if (response.status != 201) throw std::runtime_error("append: " + response.body);
        Ids ids;
        for (const Json& receipt : response.json()) {
          ids.push_back(std::stoll(receipt.at("id").get<std::string>()));
        }
        committed_.add(events, ids);
        if (!is_on_postgres()) let_pass(milliseconds(random() % 40));
      }
    });
  }

  // Reads on behind the last id until nothing is left and nobody writes any more.
  void follow(const std::string& filter, const std::atomic<bool>& is_over, Ids& seen) {
    guarded([&] {
      HttpClient client = service_.client();
      std::int64_t cursor = start_;
      for (;;) {
        const bool is_last_round = is_over;
        const HttpResponse response =
            client.get("/v1/audit?limit=50" + filter + "&cursor=" + std::to_string(cursor));
        if (response.status != 200) throw std::runtime_error("follow: " + response.body);
        const Json page = response.json();
        for (const Json& event : page.at("events")) {
          cursor = std::stoll(event.at("id").get<std::string>());
          seen.push_back(cursor);
        }
        if (!page.at("next_cursor").is_null()) continue;
        if (is_last_round) return;
        let_pass(milliseconds(5));  // a consumer asks again after a while
      }
    });
  }

  Service service_;
  std::vector<std::string> tenants_;
  std::int64_t start_ = 0;
  Committed committed_;
  std::mutex mutex_;
  std::vector<std::string> problems_;
};

// How the first of both differs from the second, in a few words: they have tens of thousands of
// ids.
std::string difference(const Ids& seen, const Ids& expected) {
  const auto [at, in_expected] =
      std::mismatch(seen.begin(), seen.end(), expected.begin(), expected.end());
  if (at == seen.end() && in_expected == expected.end()) return "";
  const auto text = [](const Ids& ids, Ids::const_iterator place) {
    return place == ids.end() ? "the end" : std::to_string(*place);
  };
  return "of " + std::to_string(expected.size()) + " entries " + std::to_string(seen.size()) +
         " were seen; in place of " + text(expected, in_expected) + " came " + text(seen, at);
}

}  // namespace

TEST_CASE("tail: each consumer sees exactly the committed events, once, in order") {
  TailRun tail;
  const std::string product = kProducts[0];
  const auto seen =
      tail.run(writing_time(), {"", "&tenant_id=" + tail.tenant(), "&product=" + product});
  CHECK(tail.problems() == std::vector<std::string>());
  const auto& committed = tail.committed();
  const Ids all = committed.where([](const Event&) { return true; });
  REQUIRE(all.size() > 100);
  CHECK(difference(seen[0], all) == "");
  CHECK(difference(seen[1], committed.where([&](const Event& event) {
          return event.tenant_id == tail.tenant();
        })) == "");
  CHECK(difference(seen[2], committed.where([&](const Event& event) {
          return event.product == product;
        })) == "");
  WARN(all.size() << " events in " << writing_time().count() << " s");
}

TEST_CASE("tail: without the announcement of ids the same run finds what is missed", "[postgres]") {
  TailRun tail;
  postgres::Connection db({.url = tail.database_url(), .application_name = "test"});
  db.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_announce_rows");
  const auto seen = tail.run(seconds(3), {""});
  CHECK(tail.problems() == std::vector<std::string>());
  const Ids all = tail.committed().where([](const Event&) { return true; });
  CHECK(seen[0].size() < all.size());
}

}  // namespace registry::test
