#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/store/parallel.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr std::int64_t kHourUs = 60 * kMinuteUs;
constexpr Timestamp kUsedAt{1'779'185'415'123'456};  // 2026-05-19T10:10:15.123456Z

constexpr Timestamp moved_by(std::int64_t us) {
  return {kUsedAt.unix_us + us};
}

// The last use of each key of a tenant, in the order of the keys.
std::vector<std::optional<Timestamp>> last_uses(Store& store, const Uuid& tenant_id) {
  std::vector<std::optional<Timestamp>> uses;
  const auto keys = store.api_keys(everyone(), tenant_id, true).value();
  for (const ApiKey& key : keys) uses.push_back(key.last_used_at);
  return uses;
}

// A tenant whose keys are used.
class KeyUsesTest : public EveryStore {
 protected:
  [[nodiscard]] const Uuid& tenant_id() const { return tenant_.id; }

  [[nodiscard]] Uuid add_key() {
    const NewApiKey key{.tenant_id = tenant_.id,
                        .product = product_of("certifai"),
                        .name = "key " + random_id().to_string(),
                        .scopes = {"audit:write"},
                        .hash = "argon2id|c2FsdA|aGFzaA",
                        .prefix = "bp_0123abcd",
                        .created_by = "ada@example.com"};
    return value_of(store().create_api_key(everyone(), key, some_origin())).id;
  }
  [[nodiscard]] std::vector<Uuid> add_keys(int count) {
    std::vector<Uuid> ids;
    for (int i = 0; i < count; ++i) ids.push_back(add_key());
    return ids;
  }

  [[nodiscard]] ApiKey stored(const Uuid& key_id) {
    const auto keys = value_of(store().api_keys(everyone(), tenant_.id, true));
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const ApiKey& each) { return each.id == key_id; });
    REQUIRE(key != keys.end());
    return *key;
  }

  // How many keys a single use moved.
  [[nodiscard]] std::size_t note(const Uuid& key_id, Timestamp used_at) {
    const KeyUse use{.key_id = key_id, .used_at = used_at};
    return store().note_key_uses({&use, 1});
  }

 private:
  Tenant tenant_ = tenant_in(TenantStatus::kActive);
};

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: a key's first use is its last, to the microsecond") {
  const Uuid id = add_key();
  CHECK(note(id, kUsedAt) == 1);
  CHECK(stored(id).last_used_at == kUsedAt);
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: a use moves the last one from a minute later on") {
  const std::int64_t later_us =
      GENERATE(as<std::int64_t>(), kMinuteUs, kMinuteUs + 1, kHourUs, 8'760 * kHourUs);
  CAPTURE(later_us);
  const Uuid id = add_key();
  REQUIRE(note(id, kUsedAt) == 1);
  CHECK(note(id, moved_by(later_us)) == 1);
  CHECK(stored(id).last_used_at == moved_by(later_us));
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: within the minute, and backwards, nothing moves") {
  const std::int64_t later_us =
      GENERATE(as<std::int64_t>(), 0, 1, kMinuteUs - 1, -1, -kMinuteUs, -kHourUs);
  CAPTURE(later_us);
  const Uuid id = add_key();
  REQUIRE(note(id, kUsedAt) == 1);
  CHECK(note(id, moved_by(later_us)) == 0);
  CHECK(stored(id).last_used_at == kUsedAt);
  // What has stayed counts from its own moment on.
  CHECK(note(id, moved_by(kMinuteUs)) == 1);
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: the first and last moment that has a text") {
  const Timestamp first = *Timestamp::parse("0001-01-01T00:00:00.000000Z");
  const Timestamp last = *Timestamp::parse("9999-12-31T23:59:59.999999Z");
  const Uuid id = add_key();
  CHECK(note(id, first) == 1);
  CHECK(note(id, first) == 0);
  CHECK(note(id, last) == 1);
  CHECK(note(id, last) == 0);
  CHECK(stored(id).last_used_at == last);
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: ids that no key has are ignored") {
  CHECK(note(random_id(), kUsedAt) == 0);
  CHECK(note(tenant_id(), kUsedAt) == 0);
  const Uuid id = add_key();
  std::vector<KeyUse> uses;
  for (int i = 0; i < 999; ++i) uses.push_back({random_id(), kUsedAt});
  uses.insert(uses.begin() + 500, {id, kUsedAt});
  CHECK(store().note_key_uses(uses) == 1);
  CHECK(stored(id).last_used_at == kUsedAt);
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: of several keys each is judged by itself") {
  const auto ids = add_keys(6);
  const Uuid& unused = ids[0];
  const Uuid& due = ids[1];
  const Uuid& busy = ids[2];
  const Uuid& later = ids[3];
  REQUIRE(note(due, moved_by(-kMinuteUs)) == 1);
  REQUIRE(note(busy, moved_by(-kMinuteUs + 1)) == 1);
  REQUIRE(note(later, moved_by(kHourUs)) == 1);
  std::vector<KeyUse> uses = {
      {unused, kUsedAt}, {due, kUsedAt}, {busy, kUsedAt}, {later, kUsedAt}, {ids[4], moved_by(1)}};
  if (GENERATE(false, true)) std::reverse(uses.begin(), uses.end());

  CHECK(store().note_key_uses(uses) == 3);

  CHECK(stored(unused).last_used_at == kUsedAt);
  CHECK(stored(due).last_used_at == kUsedAt);
  CHECK(stored(busy).last_used_at == moved_by(-kMinuteUs + 1));
  CHECK(stored(later).last_used_at == moved_by(kHourUs));
  CHECK(stored(ids[4]).last_used_at == moved_by(1));
  CHECK_FALSE(stored(ids[5]).last_used_at);
  CHECK(store().note_key_uses(uses) == 0);
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: nothing but last_used_at changes, and no trail") {
  const Uuid id = add_key();
  ApiKey expected = stored(id);
  const auto trail = backend().audit_trail(tenant_id()).size();
  require_writes_nothing(tenant_id(), [&] { CHECK(note(id, kUsedAt) == 1); });
  expected.last_used_at = kUsedAt;
  CHECK(stored(id) == expected);
  CHECK(backend().audit_trail(tenant_id()).size() == trail);
  const auto candidates = store().api_keys_by_prefix(expected.prefix, std::nullopt);
  REQUIRE(candidates.size() == 1);
  CHECK(candidates[0].key == expected);
  CHECK(candidates[0].hash == "argon2id|c2FsdA|aGFzaA");
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: revoked keys move, and those of any tenant") {
  const Uuid id = add_key();
  SECTION("a revoked key") {
    REQUIRE(store().revoke_api_key(everyone(), id, some_origin()));
  }
  SECTION("a key of a tenant that is not active") {
    backend().set_status(tenant_id(), GENERATE(TenantStatus::kDemo, TenantStatus::kTrial,
                                               TenantStatus::kFrozen, TenantStatus::kArchived));
  }
  ApiKey expected = stored(id);
  CHECK(note(id, kUsedAt) == 1);
  expected.last_used_at = kUsedAt;
  CHECK(stored(id) == expected);
}

constexpr int kUseRounds = 8;

// What a caller notes in a round; more than a minute from what any other notes.
Timestamp use_of(int caller, int round) {
  return moved_by((round * kCallers + caller) * kHourUs);
}

// Notes uses of all keys but one, in an order of its own, and counts the faults that it sees.
int note_in_rounds(Store& store, const Uuid& tenant_id, std::vector<Uuid> ids, int caller) {
  std::rotate(ids.begin(), ids.begin() + caller % static_cast<int>(ids.size()), ids.end());
  ids.pop_back();
  if (caller % 2 == 1) std::reverse(ids.begin(), ids.end());
  int faults = 0;
  for (int round = 0; round < kUseRounds; ++round) {
    std::vector<KeyUse> uses;
    for (const Uuid& id : ids) uses.push_back({id, use_of(caller, round)});
    const auto before = last_uses(store, tenant_id);
    if (store.note_key_uses(uses) > uses.size()) ++faults;
    const auto after = last_uses(store, tenant_id);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (after[i] < before[i]) ++faults;
    }
  }
  return faults;
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: 16 threads with overlapping keys, none goes back") {
  const auto ids = add_keys(7);
  const auto faults =
      run_in_threads(kCallers, [&](int i) { return note_in_rounds(store(), tenant_id(), ids, i); });
  CHECK(faults == std::vector<int>(kCallers, 0));

  // Whoever met another one at a key may have left it out, but then the other one moved it.
  const Timestamp latest = use_of(kCallers - 1, kUseRounds - 1);
  std::size_t behind = 0;
  for (const auto& last_use : last_uses(store(), tenant_id())) {
    REQUIRE(last_use);
    CHECK(*last_use <= latest);
    CHECK((last_use->unix_us - kUsedAt.unix_us) % kHourUs == 0);
    if (*last_use < latest) ++behind;
  }
  std::vector<KeyUse> uses;
  for (const Uuid& id : ids) uses.push_back({id, latest});
  CHECK(store().note_key_uses(uses) == behind);
  CHECK(last_uses(store(), tenant_id()) ==
        std::vector<std::optional<Timestamp>>(ids.size(), latest));
}

TEST_CASE_METHOD(KeyUsesTest, "note_key_uses: neither a use nor a revocation undoes the other") {
  const auto ids = add_keys(kCallers / 2);
  const auto outcomes = run_in_threads(kCallers, [&](int i) {
    const Uuid& id = ids[static_cast<std::size_t>(i / 2)];
    if (i % 2 == 0) return store().revoke_api_key(everyone(), id, some_origin()) ? 0 : 1;
    return note(id, kUsedAt) <= 1 ? 0 : 1;
  });
  CHECK(counted(outcomes) == std::vector<int>{kCallers, 0, 0, 0});
  for (const Uuid& id : ids) {
    const ApiKey before = stored(id);
    CHECK(before.revoked_at);
    CHECK(note(id, kUsedAt) == (before.last_used_at ? 0U : 1U));
    CHECK(stored(id).last_used_at == kUsedAt);
  }
}

}  // namespace
}  // namespace registry::test
