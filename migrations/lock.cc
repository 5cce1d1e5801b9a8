#include "migrations/lock.h"

#include <random>
#include <string>
#include <thread>

#include "migrations/console.h"
#include "migrations/failure.h"

namespace registry::migrate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kGolangMigrateSalt = 1486364155;
constexpr std::string_view kTableName = "schema_migrations";

// Between two questions. Random, so that many runs that start together do not stay together.
constexpr int kMinPauseMs = 50;
constexpr int kMaxPauseMs = 250;
// A wait that takes longer is worth a line.
constexpr std::chrono::milliseconds kSilentWait{1000};

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  constexpr std::uint32_t kReversedPolynomial = 0xEDB88320U;
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    sum ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? kReversedPolynomial : 0U);
    }
  }
  return ~sum;
}

std::int64_t lock_id(std::string_view schema, std::string_view database) {
  std::string name(schema);
  name += '\0';
  name += kTableName;
  name += '\0';
  name += database;
  const std::uint32_t id = crc32(name) * kGolangMigrateSalt;  // modulo 2^32
  return id;
}

std::vector<std::int64_t> lock_ids(std::string_view schema, std::string_view database) {
  return {lock_id(schema, "/" + std::string(database)), lock_id(schema, database)};
}

std::string lock_holders(postgres::Connection& connection) {
  try {
    const auto holders = connection.query(
        "SELECT a.pid::text, coalesce(a.usename, '')::text, coalesce(a.application_name, ''),"
        " coalesce(a.state, ''), coalesce(left(regexp_replace(a.query, '\\s+', ' ', 'g'), 80), '')"
        " FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid()"
        " AND EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d"
        " ON d.oid = l.database WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation'"
        " AND d.datname = pg_catalog.current_database() AND l.relation >= 16384)"
        " ORDER BY a.xact_start LIMIT 3");
    std::string lines;
    for (int row = 0; row < holders.count(); ++row) {
      const auto field = [&](int column) { return holders.get<std::string>(row, column); };
      lines += "\n  holds locks: process " + field(0) + " of " + field(1) + " (" + field(2) + ", " +
               field(3) + "): " + field(4);
    }
    return lines;
  } catch (const postgres::SqlError&) {
    return "";  // it is no more than a help
  }
}

DatabaseLock::DatabaseLock(postgres::Connection& connection, const std::vector<std::int64_t>& ids,
                           std::chrono::milliseconds timeout)
    : connection_(connection) {
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> pause_ms(kMinPauseMs, kMaxPauseMs);
  const Clock::time_point begin = Clock::now();
  bool is_said = false;
  for (const std::int64_t id : ids) {
    while (!try_lock(id)) {
      const auto waited = Clock::now() - begin;
      if (waited >= timeout) {
        unlock();
        throw Failed("timeout: can't acquire database lock");
      }
      if (waited >= kSilentWait && !is_said) {
        say("waiting for another run of migrations to end");
        is_said = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{pause_ms(random)});
    }
  }
}

void DatabaseLock::require_held() {
  for (const std::int64_t id : held_) {
    const auto is_held = connection_.query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
        " AND pid = pg_catalog.pg_backend_pid() AND granted AND objsubid = 1"
        " AND ((classid::bigint << 32) | objid::bigint) = $1::bigint)",
        id);
    if (is_held.get<bool>(0, 0)) continue;
    throw Failed(
        "the lock that keeps other runs out is gone, as after pg_advisory_unlock_all() or "
        "DISCARD ALL in a migration; run this again for the rest");
  }
}

DatabaseLock::~DatabaseLock() {
  unlock();
}

bool DatabaseLock::try_lock(std::int64_t id) {
  if (!connection_.query("SELECT pg_try_advisory_lock($1::bigint)", id).get<bool>(0, 0)) {
    return false;
  }
  held_.push_back(id);
  return true;
}

void DatabaseLock::unlock() noexcept {
  try {
    while (!held_.empty() && connection_.is_reusable()) {
      (void)connection_.query("SELECT pg_advisory_unlock($1::bigint)", held_.back());
      held_.pop_back();
    }
  } catch (...) {
    // They end with the connection.
  }
}

}  // namespace registry::migrate
