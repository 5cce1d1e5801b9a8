#pragma once

#include <optional>
#include <string>
#include <vector>

namespace registry {

// What went wrong, as a closed list that callers can act on. The HTTP status and title of each
// code stand in common/http/response.cc; nothing else maps a code to a status.
enum class ErrorCode {
  kInvalidRequest,
  kUnauthenticated,
  kForbidden,
  kNotFound,
  kMethodNotAllowed,
  kConflict,
  kSlugTaken,
  kNameTaken,
  kInvalidTransition,
  kTenantFrozen,
  kTenantArchived,
  kAlreadyEntitled,
  kTrialAlreadyUsed,
  kTrialNotOffered,
  kKeyReused,
  kTooLarge,
  kUnsupportedMediaType,
  kRateLimited,
  kUnavailable,
  kInternal,
};

// One rejected member of the input, named as the caller named it.
struct FieldError {
  std::string field;
  std::string message;

  bool operator==(const FieldError&) const = default;
};

// A failure that a caller can cause, or an outage. `detail` is shown to the caller: it never holds
// SQL, file names or secrets.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string detail;
  std::vector<FieldError> fields;            // every bad member at once
  std::optional<std::string> tenant_status;  // kInvalidTransition: the status that stands
  std::string cause = {};                    // for the log alone: what the caller is not shown
};

// The named constructors keep call sites short and the pairs of code and members right.
[[nodiscard]] Error invalid_request(std::string detail, std::vector<FieldError> fields = {});
[[nodiscard]] Error invalid_field(std::string field, std::string message);
[[nodiscard]] Error not_found(std::string detail);
[[nodiscard]] Error failure(ErrorCode code, std::string detail);
[[nodiscard]] Error invalid_transition(std::string detail, std::string tenant_status);
[[nodiscard]] Error unavailable(std::string detail, std::string cause);

}  // namespace registry
