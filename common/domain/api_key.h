#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/domain/uuid.h"

namespace registry {

// An API key without its secret parts.
struct ApiKey {
  Uuid id;
  Uuid tenant_id;
  std::optional<std::string> product;  // absent: all products
  std::string name;
  std::vector<std::string> scopes;
  std::string prefix;  // the first 11 characters of the plaintext, for people to recognise it
  std::optional<std::string> created_by;
  std::optional<Timestamp> last_used_at;
  std::optional<Timestamp> revoked_at;
  Timestamp created_at;

  bool operator==(const ApiKey&) const = default;
};

}  // namespace registry
