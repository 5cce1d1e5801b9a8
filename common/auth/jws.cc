#include "common/auth/jws.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/ascii.h"
#include "common/crypto/base64.h"
#include "common/http/json.h"

namespace registry::auth {
namespace {

using http::JsonDocument;
using http::JsonType;
using http::JsonValue;

constexpr std::size_t kKidLimit = 255;

// Headers that would let a token bring its own keys, or that change what its parts mean.
constexpr std::array<std::string_view, 8> kForbiddenHeaders = {"crit", "jku", "jwk", "x5u",
                                                               "x5c",  "b64", "zip", "enc"};

template <class T>
using Checked = tl::expected<T, JwsFault>;
using Refused = tl::unexpected<JwsFault>;

struct Header {
  crypto::SignatureAlgorithm algorithm;
  std::optional<std::string> kid;
};

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // header and payload, as they came
};

Checked<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  const auto dots = std::count(token.begin(), token.end(), '.');
  if (token.size() > kTokenLimitBytes || dots != 2) return Refused(JwsFault::kMalformed);
  return Parts{.header = token.substr(0, first),
               .payload = token.substr(first + 1, last - first - 1),
               .signature = token.substr(last + 1),
               .signed_text = token.substr(0, last)};
}

// A token that is for something else says so. Source: RFC 7519, section 5.1; RFC 9068, section 2.1.
bool is_access_token_type(std::string_view type) {
  std::string text = lower_ascii(type);
  constexpr std::string_view kPrefix = "application/";
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  return text == "jwt" || text == "at+jwt";
}

// A member of the header that is text of a bounded length if it is there.
Checked<std::optional<std::string>> header_text(const JsonValue& header, std::string_view name) {
  const auto member = header.member(name);
  if (!member) return std::nullopt;
  if (member->type() != JsonType::kString || member->text().size() > kKidLimit) {
    return Refused(JwsFault::kMalformed);
  }
  return std::string(member->text());
}

Checked<Header> read_header(std::string_view encoded) {
  const auto text = crypto::decode_base64url(encoded);
  if (!text || text->size() > kTokenHeaderLimitBytes) return Refused(JwsFault::kMalformed);
  const auto document = JsonDocument::parse(*text);
  if (!document || document->root().type() != JsonType::kObject) {
    return Refused(JwsFault::kMalformed);
  }
  const JsonValue root = document->root();
  const bool has_forbidden =
      std::any_of(kForbiddenHeaders.begin(), kForbiddenHeaders.end(),
                  [&](std::string_view name) { return root.member(name).has_value(); });
  if (has_forbidden) return Refused(JwsFault::kForbiddenHeader);
  const auto type = header_text(root, "typ");
  const auto name = header_text(root, "alg");
  auto kid = header_text(root, "kid");
  if (!type || !name || !*name || !kid) return Refused(JwsFault::kMalformed);
  if (*type && !is_access_token_type(**type)) return Refused(JwsFault::kForbiddenHeader);
  const auto algorithm = parse_algorithm(**name);
  if (!algorithm) return Refused(JwsFault::kUnsupportedAlgorithm);
  return Header{.algorithm = *algorithm, .kid = std::move(*kid)};
}

}  // namespace

tl::expected<std::string, JwsFault> verify_jws(std::string_view token, const KeySet& keys) {
  const auto parts = split(token);
  if (!parts) return Refused(parts.error());
  const auto header = read_header(parts->header);
  if (!header) return Refused(header.error());
  auto payload = crypto::decode_base64url(parts->payload);
  const auto signature = crypto::decode_base64url(parts->signature);
  if (!payload || !signature) return Refused(JwsFault::kMalformed);
  const crypto::SignatureKey* key = keys.find(header->kid, header->algorithm);
  if (key == nullptr) return Refused(JwsFault::kUnknownKey);
  if (!key->verify(header->algorithm, parts->signed_text, *signature)) {
    return Refused(JwsFault::kBadSignature);
  }
  return std::move(*payload);
}

}  // namespace registry::auth
