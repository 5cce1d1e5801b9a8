#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <tl/expected.hpp>

namespace registry::jobs {

struct HttpGetLimits {
  std::chrono::seconds patience{5};  // for the whole of it
  std::size_t body_bytes = std::size_t{1} << 20U;
};

enum class HttpGetFault { kFailed, kStopped };

struct HttpGetError {
  HttpGetFault fault = HttpGetFault::kFailed;
  std::string message;  // for the log; of kFailed
};

// The body of a 200 that GET of an http or https URL is answered with; over TLS the certificate
// must be good. Follows no redirect. Ends early, with kStopped, when `stop_fd` becomes readable.
// Proxies are those of the environment, as libcurl knows them. Not thread-safe: curl_global_init()
// must have been called, which the first call does.
[[nodiscard]] tl::expected<std::string, HttpGetError> http_get(const std::string& url, int stop_fd,
                                                               const HttpGetLimits& limits = {});

}  // namespace registry::jobs
