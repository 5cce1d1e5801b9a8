#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

namespace registry::test {

// Parsed by a library of its own, so that a mistake of ours does not hide itself.
using Json = nlohmann::json;

struct HttpRequest {
  std::string method = "GET";
  std::string path;  // sent as it is, dots and all
  std::optional<std::string> body = {};
  std::vector<std::string> headers = {};  // "Name: value"; Content-Type is JSON unless given
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // The value of a header; nothing when there is none. Throws when there are several.
  [[nodiscard]] std::optional<std::string> header(const std::string& name) const;
  [[nodiscard]] Json json() const { return Json::parse(body); }
};

// A client with a connection of its own. Throws std::runtime_error when there is no HTTP answer.
// Not thread-safe; one per thread.
class HttpClient {
 public:
  explicit HttpClient(int port) : HttpClient(port, /*is_recorded=*/true) {}
  // Of a server that is none of ours: what it answers is not recorded.
  [[nodiscard]] static HttpClient of_others(int port) { return {port, /*is_recorded=*/false}; }
  // Over a Unix socket, on which it has no address.
  [[nodiscard]] static HttpClient over_socket(const std::string& path);

  [[nodiscard]] HttpResponse send(const HttpRequest& request);
  [[nodiscard]] HttpResponse get(const std::string& path) { return send({.path = path}); }
  [[nodiscard]] HttpResponse post(const std::string& path, const Json& body) {
    return send({.method = "POST", .path = path, .body = body.dump()});
  }
  [[nodiscard]] HttpResponse post(const std::string& path) {
    return send({.method = "POST", .path = path});
  }

 private:
  HttpClient(int port, bool is_recorded);

  std::string origin_;
  std::string socket_path_;  // empty: over TCP
  bool is_recorded_;
  std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> curl_;
};

}  // namespace registry::test
