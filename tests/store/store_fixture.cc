#include "tests/store/store_fixture.h"

#include <array>
#include <cstdint>
#include <random>
#include <stdexcept>

#include <rapidjson/document.h>

namespace registry::test {
namespace {

using Predicate = bool (*)(const BackendKind&);

std::vector<const BackendKind*> kinds_where(Predicate is_wanted) {
  std::vector<const BackendKind*> kinds;
  for (const BackendKind& kind : backend_kinds()) {
    if (is_wanted(kind)) kinds.push_back(&kind);
  }
  return kinds;
}

rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  if (document.HasParseError()) throw std::invalid_argument("not JSON: " + text);
  return document;
}

template <class T>
T parsed(const Parsed<T>& result) {
  if (!result) throw std::invalid_argument(result.error());
  return *result;
}

}  // namespace

EveryStore::EveryStore() : EveryStore([](const BackendKind&) { return true; }) {}

EveryStore::EveryStore(Predicate is_wanted)
    : kind_(*GENERATE_COPY(from_range(kinds_where(is_wanted)))),
      note_(Catch::MessageBuilder("INFO", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info)
            << "store: " << kind_.name),
      backend_(kind_.make()) {}

EverySharedStore::EverySharedStore()
    : EveryStore([](const BackendKind& kind) { return kind.is_shared_between_processes; }) {}

EveryStoreWithAClock::EveryStoreWithAClock()
    : EveryStore([](const BackendKind& kind) { return kind.has_settable_clock; }) {}

void EveryStore::let_time_pass() {
  constexpr std::int64_t kSecondUs = 1'000'000;
  // Where the time is the database's, it passes by itself.
  if (FakeClock* clock = backend_->settable_clock()) clock->advance_us(kSecondUs);
}

Tenant EveryStore::tenant_in(TenantStatus status) {
  NewTenant tenant = new_customer();
  if (status == TenantStatus::kDemo) tenant.kind = TenantKind::kDemo;
  const Uuid id = value_of(store().create_tenant(tenant, some_origin())).tenant.id;
  backend_->set_status(id, status);
  return value_of(store().tenant_by_id(everyone(), id));
}

void EveryStore::require_writes_nothing(const Uuid& tenant_id,
                                        const std::function<void()>& operation) {
  const RowCounts counts_before = backend_->row_counts();
  const auto before = store().tenant_by_id(everyone(), tenant_id);
  let_time_pass();
  operation();
  const auto after = store().tenant_by_id(everyone(), tenant_id);
  CHECK(backend_->row_counts() == counts_before);
  REQUIRE(after.has_value() == before.has_value());
  if (before) CHECK(*after == *before);
}

const TenantScope& everyone() {
  static const TenantScope kEveryone = TenantScope::all();
  return kEveryone;
}

Uuid random_id() {
  std::random_device random;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return Uuid::from_random(bytes);
}

Slug random_slug() {
  return slug_of("t-" + random_id().to_string());
}

NewTenant new_customer() {
  return {.id = random_id(),
          .slug = random_slug(),
          .name = "Example GmbH",
          .plan = "starter",
          .kind = TenantKind::kCustomer,
          .sales_owner = "sales@example.com",
          .trial_days = 14};
}

ChangeOrigin some_origin() {
  return {.actor_id = "user-7",
          .actor_name = "Ada Lovelace",
          .actor_type = "user",
          .source_ip = "203.0.113.7",
          .user_agent = "curl/8.0"};
}

Slug slug_of(std::string_view text) {
  return parsed(Slug::parse(text));
}

ProductId product_of(std::string_view text) {
  return parsed(ProductId::parse(text));
}

Date date_of(std::string_view text) {
  return parsed(parse_date(text));
}

bool is_same_json(const std::string& left, const std::string& right) {
  return parse_json(left) == parse_json(right);
}

std::string json_text(const std::string& object, const char* member) {
  const rapidjson::Document document = parse_json(object);
  const auto found = document.FindMember(member);
  return found != document.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

}  // namespace registry::test
