#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "common/store/sqlite/pool.h"
#include "common/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace registry::sqlite {
namespace {

class PoolTest {
 protected:
  [[nodiscard]] std::shared_ptr<Pool> make_pool(int max_connections) {
    return Pool::on_disk(folder_.path() + "/registry.db", max_connections, clock_);
  }
  [[nodiscard]] const test::FakeClock& clock() const { return clock_; }

  // Two leases are the same connection exactly when a temporary table of one is in the other.
  static void mark(Connection& db) { db.execute("CREATE TEMP TABLE marked (id INTEGER)"); }
  static bool is_marked(Connection& db) {
    return db.query("SELECT 1 FROM temp.sqlite_schema WHERE name = 'marked'").step();
  }

 private:
  test::FakeClock clock_{{0}};
  test::TempFolder folder_;
};

TEST_CASE_METHOD(PoolTest, "Pool: a connection that comes back is lent again") {
  const auto pool = make_pool(2);
  mark(*Pool::Lease(*pool));
  CHECK(is_marked(*Pool::Lease(*pool)));
}

TEST_CASE_METHOD(PoolTest, "Pool: leases at the same time are different connections") {
  const auto pool = make_pool(2);
  const Pool::Lease one(*pool);
  const Pool::Lease two(*pool);
  mark(*one);
  CHECK_FALSE(is_marked(*two));
}

TEST_CASE_METHOD(PoolTest, "Pool: a connection with an open transaction does not go back") {
  const auto pool = make_pool(1);
  {
    const Pool::Lease leaking(*pool);
    mark(*leaking);
    leaking->execute("BEGIN IMMEDIATE; DELETE FROM tenants;");
  }
  const Pool::Lease db(*pool);
  CHECK_FALSE(is_marked(*db));
  CHECK(db->query("SELECT 1 FROM tenants").step());
}

TEST_CASE_METHOD(PoolTest, "Pool: a connection that met an outage does not go back") {
  const auto pool = make_pool(1);
  {
    const Pool::Lease broken(*pool);
    mark(*broken);
    broken->execute("PRAGMA query_only = ON");
    CHECK_THROWS_AS(broken->run("DELETE FROM tenants"), StoreUnavailable);
  }
  CHECK_FALSE(is_marked(*Pool::Lease(*pool)));
}

TEST_CASE_METHOD(PoolTest, "Pool: a failure to connect gives its place back") {
  const test::TempFolder folder;
  const std::string obstacle = folder.path() + "/state";
  std::ofstream(obstacle).flush();
  const auto pool = Pool::on_disk(obstacle + "/registry.db", 1, clock());
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(Pool::Lease(*pool), StoreUnavailable);
  std::filesystem::remove(obstacle);
  CHECK_NOTHROW(Pool::Lease(*pool));
}

TEST_CASE_METHOD(PoolTest, "Pool: in memory all threads share one database, one at a time") {
  const auto pool = Pool::in_memory(clock());
  std::atomic<int> inside = 0;
  std::atomic<int> overlaps = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 50; ++round) {
          const Pool::Lease db(*pool);
          if (++inside != 1) ++overlaps;
          db->run("INSERT INTO audit_log (action) VALUES ('test')");
          --inside;
        }
      });
    }
  }
  CHECK(overlaps == 0);
  const Pool::Lease db(*pool);
  Statement row = db->query("SELECT count(*) FROM audit_log");
  REQUIRE(row.step());
  CHECK(row.get<std::int64_t>(0) == 400);
}

TEST_CASE_METHOD(PoolTest, "Pool: a relative path that looks like a URI is a path") {
  const test::TempFolder folder;
  const auto old_folder = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto pool = Pool::on_disk("file:x?mode=memory/registry.db", 1, clock());
  CHECK_NOTHROW(Pool::Lease(*pool));
  std::filesystem::current_path(old_folder);
  CHECK(std::filesystem::exists(folder.path() + "/file:x?mode=memory/registry.db"));
}

}  // namespace
}  // namespace registry::sqlite
