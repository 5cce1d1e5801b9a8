#include "common/base/error.h"

#include <utility>

namespace registry {

Error invalid_request(std::string detail, std::vector<FieldError> fields) {
  return {.code = ErrorCode::kInvalidRequest,
          .detail = std::move(detail),
          .fields = std::move(fields),
          .tenant_status = {}};
}

Error invalid_field(std::string field, std::string message) {
  return invalid_request("The request has invalid members.",
                         {{.field = std::move(field), .message = std::move(message)}});
}

Error not_found(std::string detail) {
  return failure(ErrorCode::kNotFound, std::move(detail));
}

Error failure(ErrorCode code, std::string detail) {
  return {.code = code, .detail = std::move(detail), .fields = {}, .tenant_status = {}};
}

Error invalid_transition(std::string detail, std::string tenant_status) {
  return {.code = ErrorCode::kInvalidTransition,
          .detail = std::move(detail),
          .fields = {},
          .tenant_status = std::move(tenant_status)};
}

Error unavailable(std::string detail, std::string cause) {
  Error error = failure(ErrorCode::kUnavailable, std::move(detail));
  error.cause = std::move(cause);
  return error;
}

}  // namespace registry
