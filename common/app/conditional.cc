#include <string_view>

#include "common/app/app.h"
#include "common/crypto/digest.h"

namespace registry {
namespace {

// True when an If-None-Match list names the tag. A weak tag matches its strong form, and "*" any.
// Source: RFC 9110, sections 8.8.3 and 13.1.2.
bool matches(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const std::size_t start = list.find_first_not_of(" \t,");
    if (start == std::string_view::npos) return false;
    list.remove_prefix(start);
    if (list.front() == '*') return true;
    if (list.starts_with("W/")) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (list.substr(0, end + 1) == tag) return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

Response conditional_response(const Request& request, std::string body) {
  const std::string tag = '"' + crypto::fingerprint(body) + '"';
  Response response = matches(request.if_none_match, tag) ? json_response(304, {})
                                                          : json_response(200, std::move(body));
  response.headers.push_back({.name = "ETag", .value = tag});
  // May be kept, but only used after asking again.
  response.headers.push_back({.name = "Cache-Control", .value = "no-cache"});
  return response;
}

}  // namespace registry
