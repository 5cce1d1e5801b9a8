// What uses of keys meet in Postgres alone: rows that other transactions hold, moments without end.
#include <optional>
#include <string>
#include <vector>

#include "tests/store/postgres_fixture.h"
#include "tests/store/store_fixture.h"

namespace registry::test {
namespace {

using postgres::PostgresStore;
using postgres::Transaction;

constexpr Timestamp kNoted{1'779'185'415'123'456};  // 2026-05-19T10:10:15.123456Z

// A tenant with three keys, and a store whose statements fail instead of waiting for a lock.
class PostgresKeyUsesTest : public PostgresTest {
 protected:
  PostgresKeyUsesTest() {
    for (const char* name : {"a", "b", "c"}) {
      const NewApiKey key{.tenant_id = tenant_id_,
                          .product = {},
                          .name = name,
                          .scopes = {},
                          .hash = "argon2id|c2FsdA|aGFzaA",
                          .prefix = "bp_abcdefgh",
                          .created_by = {}};
      ids_.push_back(value_of(store_.create_api_key(everyone(), key, some_origin())).id);
      uses_.push_back({.key_id = ids_.back(), .used_at = kNoted});
    }
  }

  [[nodiscard]] PostgresStore& store() { return store_; }
  [[nodiscard]] const Uuid& tenant_id() const { return tenant_id_; }
  [[nodiscard]] const std::vector<Uuid>& ids() const { return ids_; }
  [[nodiscard]] const std::vector<KeyUse>& uses() const { return uses_; }

  [[nodiscard]] std::optional<Timestamp> last_use(const Uuid& id) {
    return value<std::optional<Timestamp>>("SELECT last_used_at FROM api_keys WHERE id = $1", id);
  }

 private:
  PostgresStore store_ = store_at(url() + "&options=-c%20lock_timeout%3D100");
  Uuid tenant_id_ = value_of(store_.create_tenant(new_customer(), some_origin())).tenant.id;
  std::vector<Uuid> ids_;
  std::vector<KeyUse> uses_;
};

TEST_CASE_METHOD(PostgresKeyUsesTest,
                 "note_key_uses: a key that another session holds is left out, the others move",
                 "[postgres]") {
  const std::string held_by =
      GENERATE("SELECT FROM api_keys WHERE id = $1 FOR SHARE",
               "SELECT FROM api_keys WHERE id = $1 FOR NO KEY UPDATE",
               "UPDATE api_keys SET revoked_at = now() WHERE id = $1",
               "UPDATE api_keys SET last_used_at = '2026-05-19' WHERE id = $1",
               "DELETE FROM api_keys WHERE id = $1");
  CAPTURE(held_by);
  {
    const Transaction holder(db());
    db().query(held_by, ids()[1]);
    CHECK(store().note_key_uses(uses()) == 2);
  }
  CHECK(last_use(ids()[0]) == kNoted);
  CHECK(last_use(ids()[1]) == std::nullopt);
  CHECK(last_use(ids()[2]) == kNoted);
  CHECK(store().note_key_uses(uses()) == 1);
  CHECK(last_use(ids()[1]) == kNoted);
}

TEST_CASE_METHOD(PostgresKeyUsesTest, "note_key_uses: a change of the tenant is in nobody's way",
                 "[postgres]") {
  const Transaction holder(db());
  db().query("SELECT FROM tenants WHERE id = $1 FOR UPDATE", tenant_id());
  CHECK(store().note_key_uses(uses()) == 3);
}

TEST_CASE_METHOD(PostgresKeyUsesTest, "note_key_uses: a last use that is infinite is a moment too",
                 "[postgres]") {
  db().query("UPDATE api_keys SET last_used_at = 'infinity' WHERE id = $1", ids()[0]);
  db().query("UPDATE api_keys SET last_used_at = '-infinity' WHERE id = $1", ids()[1]);
  CHECK(store().note_key_uses(uses()) == 2);
  CHECK(value("SELECT count(*) FROM api_keys WHERE last_used_at = 'infinity'") == 1);
  CHECK(last_use(ids()[1]) == kNoted);
  CHECK(store().note_key_uses(uses()) == 0);
}

}  // namespace
}  // namespace registry::test
