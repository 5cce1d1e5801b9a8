#include "common/jobs/issuer_keys.h"

#include "tests/support/catch.h"

namespace registry::jobs {
namespace {

tl::expected<std::string, std::string_view> url_of(const std::string& issuer,
                                                   const std::string& jwks_uri) {
  return keys_url(R"({"issuer":")" + issuer + R"(","jwks_uri":")" + jwks_uri + R"("})", issuer);
}

}  // namespace

TEST_CASE("keys_url: keys come over TLS, unless the issuer itself goes without") {
  REQUIRE(url_of("https://id.example/a", "https://keys.example/b") == "https://keys.example/b");
  REQUIRE(url_of("http://127.0.0.1:8080", "http://127.0.0.1:8080/b") == "http://127.0.0.1:8080/b");
  REQUIRE(url_of("http://127.0.0.1:8080", "https://keys.example/b") == "https://keys.example/b");
  for (const char* url :
       {"http://id.example/b", "file:///etc/passwd", "//id.example/b", "/b", ""}) {
    CAPTURE(url);
    REQUIRE(!url_of("https://id.example/a", url));
  }
}

TEST_CASE("keys_url: another issuer's document, or none at all, says nothing of this one's keys") {
  constexpr std::string_view kOurs = "https://id.example/a";
  for (const char* document :
       {R"({"issuer":"https://id.example/b","jwks_uri":"https://id.example/b/keys"})",
        R"({"issuer":"https://id.example/a/","jwks_uri":"https://id.example/a/keys"})",
        R"({"jwks_uri":"https://id.example/a/keys"})", R"({"issuer":"https://id.example/a"})",
        R"({"issuer":"https://id.example/a","jwks_uri":["https://id.example/a/keys"]})",
        R"([{"issuer":"https://id.example/a"}])", "<html>", ""}) {
    CAPTURE(document);
    REQUIRE(!keys_url(document, kOurs));
  }
}

}  // namespace registry::jobs
