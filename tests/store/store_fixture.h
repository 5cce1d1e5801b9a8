#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/store/backend.h"
#include "tests/support/catch.h"

namespace registry::test {

// The length of the trials that tests start.
inline constexpr int kTrialDays = 14;

// The fixture of a contract test: it runs once for each kind of store, each time over a fresh
// database.
class EveryStore {
 public:
  EveryStore();

 protected:
  using Predicate = bool (*)(const BackendKind&);
  explicit EveryStore(Predicate is_wanted);

  [[nodiscard]] Backend& backend() { return *backend_; }
  [[nodiscard]] Store& store() { return backend_->store(); }

  // Makes the next change happen at another microsecond.
  void let_time_pass();
  // A tenant in this status.
  [[nodiscard]] Tenant tenant_in(TenantStatus status);

  // Runs `operation` and requires that it leaves no trace in any table.
  void require_writes_nothing(const Uuid& tenant_id, const std::function<void()>& operation);

 private:
  const BackendKind& kind_;
  Catch::ScopedMessage note_;
  std::unique_ptr<Backend> backend_;
};

// Stores that several processes can use at once.
class EverySharedStore : public EveryStore {
 public:
  EverySharedStore();
};

// Stores whose time the test decides.
class EveryStoreWithAClock : public EveryStore {
 public:
  EveryStoreWithAClock();

 protected:
  [[nodiscard]] FakeClock& clock() { return *backend().settable_clock(); }
};

// The scope of all tenants.
[[nodiscard]] const TenantScope& everyone();

[[nodiscard]] Uuid random_id();
[[nodiscard]] Slug random_slug();
// A customer with an id and a slug that nobody has.
[[nodiscard]] NewTenant new_customer();
[[nodiscard]] ChangeOrigin some_origin();

[[nodiscard]] Slug slug_of(std::string_view text);
[[nodiscard]] ProductId product_of(std::string_view text);
[[nodiscard]] Date date_of(std::string_view text);

// Whether two JSON documents say the same; stores may differ in spaces and in the order of members.
[[nodiscard]] bool is_same_json(const std::string& left, const std::string& right);
// The string member of a JSON object; "" when there is none.
[[nodiscard]] std::string json_text(const std::string& object, const char* member);

// The code of a failure; REQUIREs that it is one.
template <class T>
[[nodiscard]] ErrorCode code_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

// The value; REQUIREs that there is one.
template <class T>
[[nodiscard]] T value_of(Result<T> result) {
  INFO("error: " << (result ? "" : result.error().detail));
  REQUIRE(result.has_value());
  return *std::move(result);
}

}  // namespace registry::test
