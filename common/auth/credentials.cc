#include "common/auth/credentials.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace registry::auth {
namespace {

constexpr std::string_view kKeyStart = "bp_";

// Whether `text` begins with `start`, which is in lower case, whatever its own case; what follows.
bool take_word(std::string_view& text, std::string_view start) {
  const bool begins =
      text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(),
                                                [](char a, char b) { return a == lower_ascii(b); });
  if (begins) text.remove_prefix(start.size());
  return begins;
}

}  // namespace

Credentials read_credentials(std::string_view authorization) {
  if (authorization.empty()) return {};
  const Credentials unreadable{.kind = CredentialKind::kUnreadable};
  std::string_view rest = authorization;
  CredentialKind kind = CredentialKind::kToken;
  if (take_word(rest, "bearer ")) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (rest.starts_with(kKeyStart)) kind = CredentialKind::kApiKey;
  } else {
    if (take_word(rest, "token ")) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    }
    if (!take_word(rest, "token=")) return unreadable;
    kind = CredentialKind::kApiKey;
  }
  if (rest.empty()) return unreadable;
  return {.kind = kind, .text = rest};
}

}  // namespace registry::auth
