#include "common/jobs/issuer_keys.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/auth/key_set.h"
#include "common/base/json_writer.h"
#include "common/base/unique_fd.h"
#include "common/http/json.h"

namespace registry::jobs {
namespace {

using http::JsonDocument;
using http::JsonType;
using http::text_member;

using Fetched = tl::expected<std::string, HttpGetError>;
using Failed = tl::unexpected<HttpGetError>;

Failed failed(const std::string& where, std::string_view why) {
  return Failed({.message = where + ": " + std::string(why)});
}

std::string discovery_url(std::string issuer) {
  if (issuer.ends_with('/')) issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

Fetched get(const std::string& url, int stop_fd) {
  auto body = http_get(url, stop_fd);
  if (!body && body.error().fault == HttpGetFault::kFailed) {
    return failed(url, body.error().message);
  }
  return body;
}

Fetched find_keys(const TokenConfig& tokens, int stop_fd) {
  const std::string url = discovery_url(tokens.issuer);
  const auto body = get(url, stop_fd);
  if (!body) return Failed(body.error());
  auto keys = keys_url(*body, tokens.issuer);
  if (!keys) return failed(url, keys.error());
  return std::move(*keys);
}

std::vector<std::string> sorted_elements(const http::JsonValue& array) {
  std::vector<std::string> elements;
  for (const auto& element : array.children()) elements.emplace_back(element.raw());
  std::sort(elements.begin(), elements.end());
  return elements;
}

std::system_error system_failure(const std::string& what) {
  return {errno, std::generic_category(), what};
}

}  // namespace

tl::expected<std::string, std::string_view> keys_url(std::string_view discovery,
                                                     std::string_view issuer) {
  using No = tl::unexpected<std::string_view>;
  const auto document = JsonDocument::parse(discovery);
  if (!document || document->root().type() != JsonType::kObject) return No("is no JSON object");
  if (text_member(document->root(), "issuer") != issuer) return No("names another issuer");
  const auto url = text_member(document->root(), "jwks_uri");
  const bool may_be_plain = issuer.starts_with("http://");
  if (!url || !(url->starts_with("https://") || (may_be_plain && url->starts_with("http://")))) {
    return No("names no jwks_uri that can be taken");
  }
  return std::string(*url);
}

tl::expected<IssuerKeys, HttpGetError> fetch_issuer_keys(const TokenConfig& tokens,
                                                         const Clock& clock, int stop_fd) {
  const auto url = find_keys(tokens, stop_fd);
  if (!url) return Failed(url.error());
  const auto body = get(*url, stop_fd);
  if (!body) return Failed(body.error());
  const auto document = JsonDocument::parse(*body);
  if (!document || document->root().type() != JsonType::kObject) {
    return failed(*url, "is no JSON object");
  }
  const auto keys = document->root().member("keys");
  if (!keys || keys->type() != JsonType::kArray) return failed(*url, "has no array of keys");
  JsonWriter file;
  file.begin_object()
      .member("issuer", tokens.issuer)
      .member("fetched_at", clock.now().to_string())
      .key("keys")
      .raw(keys->raw());
  file.end_object();
  std::string text = file.str();
  // As whoever reads the file will judge it.
  const auto set = auth::KeySet::parse(text);
  if (!set) return failed(*url, set.error());
  return IssuerKeys{.text = std::move(text), .keys = sorted_elements(*keys), .usable = set->size()};
}

void replace_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  constexpr mode_t kForAllToRead = 0644;
  const UniqueFd file(
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kForAllToRead));
  if (!file) throw system_failure("cannot write " + beside);
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_failure("cannot write " + beside);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  // A name that is there after a loss of power must not be one of an empty file.
  if (::fchmod(file.get(), kForAllToRead) != 0 || ::fsync(file.get()) != 0 ||
      ::rename(beside.c_str(), path.c_str()) != 0) {
    throw system_failure("cannot replace " + path);
  }
}

}  // namespace registry::jobs
