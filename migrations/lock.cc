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
