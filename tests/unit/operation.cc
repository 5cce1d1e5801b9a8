#include "common/http/operation.h"

namespace registry::http {

// The library expects every executable to have one. The tests bring operations of their own.
const Operation kOperation{
    .id = "unit_test",
    .method = "GET",
    .route = "/unit-test",
    .query_parameters = {},
    .body = BodyUse::kNone,
    .body_limit_bytes = 0,
    .any_content_type = false,
};

}  // namespace registry::http
