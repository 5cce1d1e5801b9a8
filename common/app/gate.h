#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/app/key_renewal.h"
#include "common/app/key_verifier.h"
#include "common/auth/access.h"
#include "common/auth/authenticator.h"
#include "common/auth/credentials.h"
#include "common/base/config.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/http/operation.h"
#include "common/http/request.h"
#include "common/store/store.h"

namespace registry {

// Who makes a request, as far as their credentials prove it, and what they may reach in it.
struct Caller {
  auth::Access access;
  ChangeOrigin origin;  // without the address and the user agent
};

// Lets in who has a right to the operation. Thread-safe; one for the process.
class Gate {
 public:
  // Without an issuer no credential is looked at, and everybody is the platform's administrator.
  // All must outlive the gate.
  Gate(const http::Operation& operation, const TokenConfig& config, KeyVerifier& keys,
       const Clock& clock);

  // Is called in the thread of a caller that is about to wait for new keys of the issuer. Set
  // before the first call of what follows.
  void on_wait(std::function<void()> before_wait) { before_wait_ = std::move(before_wait); }

  // Sets `principal` to the id of a caller who is known, whether they may do it or not; else it
  // stays as it is. Errors: kUnauthenticated (no credentials, or none that count for this
  // operation; the detail says why, and repeats nothing of them), kForbidden (the caller is known
  // and has no right to the operation), kUnavailable (no token can be verified now). Throws
  // StoreUnavailable, where a key was given.
  [[nodiscard]] Result<Caller> admit(const http::Request& request, std::string& principal);

  // Whether tokens, if they are asked for, can be verified.
  [[nodiscard]] bool is_ready();

 private:
  // All that verifies tokens.
  struct Tokens {
    Tokens(const TokenConfig& config, const Clock& clock);

    auth::KeyFile keys;
    auth::Authenticator authenticator;
    KeyRenewal renewal;
  };

  [[nodiscard]] Result<Caller> admit_token(std::string_view token, std::string& principal);
  [[nodiscard]] auth::Authentication authenticate(std::string_view token);
  [[nodiscard]] Result<Caller> admit_key(std::string_view text, std::string& principal);

  const http::Rights& rights_;
  KeyVerifier& keys_;
  std::function<void()> before_wait_ = [] {};
  std::unique_ptr<Tokens> tokens_;  // null: no token is asked for
};

// The value of WWW-Authenticate that belongs to a kUnauthenticated. Source: RFC 6750, section 3.
[[nodiscard]] std::string challenge(const http::Request& request, const Error& error);

}  // namespace registry
