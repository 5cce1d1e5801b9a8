#include "common/domain/tenant.h"

#include <algorithm>
#include <array>

namespace registry {
namespace {

// In the order of the enumerations, here and in the database.
constexpr std::array<std::string_view, 5> kStatusNames = {"demo", "trial", "active", "frozen",
                                                          "archived"};
constexpr std::array<std::string_view, 2> kKindNames = {"customer", "demo"};

}  // namespace

std::string_view to_string(TenantStatus status) {
  return kStatusNames.at(static_cast<std::size_t>(status));
}

std::string_view to_string(TenantKind kind) {
  return kKindNames.at(static_cast<std::size_t>(kind));
}

Parsed<TenantStatus> parse_tenant_status(std::string_view text) {
  const auto* const found = std::find(kStatusNames.begin(), kStatusNames.end(), text);
  if (found == kStatusNames.end()) {
    return tl::unexpected<std::string>("must be demo, trial, active, frozen or archived");
  }
  return static_cast<TenantStatus>(found - kStatusNames.begin());
}

Parsed<TenantKind> parse_tenant_kind(std::string_view text) {
  const auto* const found = std::find(kKindNames.begin(), kKindNames.end(), text);
  if (found == kKindNames.end()) return tl::unexpected<std::string>("must be customer or demo");
  return static_cast<TenantKind>(found - kKindNames.begin());
}

TenantStatus initial_status(TenantKind kind) {
  return kind == TenantKind::kDemo ? TenantStatus::kDemo : TenantStatus::kTrial;
}

std::optional<TenantStatus> next_status(TenantStatus from, Transition transition) {
  switch (from) {
    case TenantStatus::kTrial:
    case TenantStatus::kActive:
    case TenantStatus::kFrozen:
      return transition == Transition::kActivate ? TenantStatus::kActive : TenantStatus::kFrozen;
    case TenantStatus::kDemo:
    case TenantStatus::kArchived:
      return std::nullopt;
  }
  return std::nullopt;
}

bool ends_before_start(const Activation& activation) {
  return activation.contract_start && activation.contract_end &&
         *activation.contract_end < *activation.contract_start;
}

Date contract_end_after_cancel(const std::optional<Date>& contract_end, Date today) {
  return contract_end && *contract_end < today ? *contract_end : today;
}

}  // namespace registry
