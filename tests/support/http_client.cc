#include "tests/support/http_client.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "tests/support/transcript.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

using HeaderList = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::size_t append_body(const char* bytes, std::size_t size, std::size_t count, void* response) {
  static_cast<HttpResponse*>(response)->body.append(bytes, size * count);
  return size * count;
}

std::size_t append_header(const char* bytes, std::size_t size, std::size_t count, void* response) {
  const std::string_view line(bytes, size * count);
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(::tolower(c)); });
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    value = value.substr(0, value.find_last_not_of("\r\n") + 1);
    static_cast<HttpResponse*>(response)->headers.emplace_back(std::move(name), value);
  }
  return size * count;
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list(nullptr, &::curl_slist_free_all);
  const auto append = [&](const std::string& line) {
    list.reset(::curl_slist_append(list.release(), line.c_str()));
  };
  append("Expect:");
  if (request.body) append("Content-Type: application/json");
  for (const std::string& line : request.headers) {
    if (line.starts_with("Content-Type:")) list = HeaderList(nullptr, &::curl_slist_free_all);
  }
  for (const std::string& line : request.headers) append(line);
  return list;
}

}  // namespace

std::optional<std::string> HttpResponse::header(const std::string& name) const {
  std::optional<std::string> found;
  for (const auto& [header_name, value] : headers) {
    if (header_name != name) continue;
    if (found) throw std::runtime_error("more than one header " + name);
    found = value;
  }
  return found;
}

HttpClient::HttpClient(int port, bool is_recorded)
    : origin_("http://127.0.0.1:" + std::to_string(port)),
      is_recorded_(is_recorded),
      curl_(::curl_easy_init(), &::curl_easy_cleanup) {}

HttpClient HttpClient::over_socket(const std::string& path) {
  HttpClient client(80);
  client.socket_path_ = path;
  return client;
}

HttpResponse HttpClient::send(const HttpRequest& request) {
  CURL* curl = curl_.get();
  HttpResponse response;
  const HeaderList headers = header_list(request);
  ::curl_easy_reset(curl);
  ::curl_easy_setopt(curl, CURLOPT_URL, (origin_ + request.path).c_str());
  if (!socket_path_.empty()) {
    ::curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  }
  ::curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  ::curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(kPatience.count()));
  ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_body);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
  ::curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append_header);
  ::curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
  if (request.body) {
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body->size()));
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body->data());
  }
  if (request.method == "HEAD") ::curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  const CURLcode code = ::curl_easy_perform(curl);
  if (code != CURLE_OK) {
    throw std::runtime_error(request.method + " " + request.path + ": " +
                             ::curl_easy_strerror(code));
  }
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (is_recorded_) record_exchange(request, response);
  return response;
}

}  // namespace registry::test
