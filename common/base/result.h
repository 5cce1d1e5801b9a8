#pragma once

#include <tl/expected.hpp>

#include "common/base/error.h"

namespace registry {

// A value, or the failure that a caller has to deal with. Everything that a caller cannot cause is
// thrown instead and caught once, in common/app.
template <class T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

// Makes `return fail(not_found("…"));` read as what it does.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace registry
