#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/base/config.h"
#include "common/base/time.h"
#include "common/jobs/http_get.h"

namespace registry::jobs {

// What an issuer publishes.
struct IssuerKeys {
  std::string text;               // of the file that functions read, see auth::KeySet::parse
  std::vector<std::string> keys;  // each as received, sorted: an issuer may shuffle them
  std::size_t usable = 0;         // those that verify signatures of tokens
};

// Where a discovery document says that the keys of this issuer are: over TLS, unless the issuer
// itself goes without. Fails with what is wrong with it, as a sentence without a subject.
[[nodiscard]] tl::expected<std::string, std::string_view> keys_url(std::string_view discovery,
                                                                   std::string_view issuer);

// Fetches the keys of an issuer, found through its discovery document. Fails, with kFailed, when
// the issuer does not answer as it should: its document must name itself, and the set must have a
// key that verifies signatures of tokens. Source: OpenID Connect Discovery 1.0, section 4.
[[nodiscard]] tl::expected<IssuerKeys, HttpGetError> fetch_issuer_keys(const TokenConfig& tokens,
                                                                       const Clock& clock,
                                                                       int stop_fd);

// Puts `text` into the place of a file, whole or not at all, for everybody to read. Throws
// std::system_error.
void replace_file(const std::string& path, const std::string& text);

}  // namespace registry::jobs
