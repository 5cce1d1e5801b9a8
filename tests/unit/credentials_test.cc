#include "common/auth/credentials.h"

#include <string>

#include "tests/support/catch.h"

namespace registry::auth {
namespace {

void check(const std::string& header, CredentialKind kind, const std::string& text) {
  CAPTURE(header);
  const Credentials found = read_credentials(header);
  CHECK(found.kind == kind);
  CHECK(found.text == text);
}

TEST_CASE("read_credentials: without a header there are none") {
  check("", CredentialKind::kNone, "");
}

TEST_CASE("read_credentials: a bearer is a token, or a key by how it begins") {
  check("Bearer a.b.c", CredentialKind::kToken, "a.b.c");
  check("bearer a.b.c", CredentialKind::kToken, "a.b.c");
  check("BEARER   a-._~+/9=", CredentialKind::kToken, "a-._~+/9=");
  check("Bearer bp_x", CredentialKind::kApiKey, "bp_x");
  check("Bearer BP_x", CredentialKind::kToken, "BP_x");
}

TEST_CASE("read_credentials: Retraced's clients send a key in either of two ways") {
  check("token=bp_x", CredentialKind::kApiKey, "bp_x");
  check("Token token=bp_x", CredentialKind::kApiKey, "bp_x");
  check("TOKEN  Token=bp_x", CredentialKind::kApiKey, "bp_x");
  check("token=a.b.c", CredentialKind::kApiKey, "a.b.c");
}

TEST_CASE("read_credentials: what stands behind the scheme is for others to judge") {
  check("Bearer a b", CredentialKind::kToken, "a b");
  check("Bearer a.b.c, Bearer d.e.f", CredentialKind::kToken, "a.b.c, Bearer d.e.f");
  check("token=\xC3\xA4", CredentialKind::kApiKey, "\xC3\xA4");
}

TEST_CASE("read_credentials: anything else is unreadable") {
  for (const char* header :
       {" ", "Bearer", "Bearer ", "Bearer  ", "Bearera.b.c", "Basic dXNlcjpwYXNz", "Digest x",
        "a.b.c", "bp_x", "token", "token=", "Token bp_x", "Token token=", "token =x",
        "Bearer\ta.b.c", " Bearer a.b.c"}) {
    check(header, CredentialKind::kUnreadable, "");
  }
}

}  // namespace
}  // namespace registry::auth
