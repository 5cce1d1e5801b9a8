#pragma once

#include "common/app/gate.h"
#include "common/base/result.h"
#include "common/http/operation.h"
#include "common/http/request.h"
#include "common/http/response.h"
#include "common/store/store.h"

namespace registry {

// Whether requests can be served now: tokens can be verified, if they are asked for, and the store
// answers and its schema is new enough. Errors: kUnavailable; the detail names what is wrong, and
// no host, account or secret.
[[nodiscard]] Result<Store::Health> readiness(Store& store, Gate& gate);

// Whether this is not a client's request but that of somebody who deploys a release and asks
// whether this process can serve: OPTIONS of the target "*" (RFC 9110, section 9.3.7). nginx routes
// no such request to a function.
[[nodiscard]] bool is_release_check(const http::Request& request);

// Its answer: 200 and {"function", "version" (of the program), "schema_version" (of the store),
// "pid", "status": "ready"}. Errors: those of readiness().
[[nodiscard]] Result<http::Response> check_release(const http::Operation& operation, Store& store,
                                                   Gate& gate);

}  // namespace registry
