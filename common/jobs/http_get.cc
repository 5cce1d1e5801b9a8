#include "common/jobs/http_get.h"

#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <curl/curl.h>

namespace registry::jobs {
namespace {

using Transfer = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using Transfers = std::unique_ptr<CURLM, decltype(&::curl_multi_cleanup)>;

constexpr int kOk = 200;

struct Body {
  std::string bytes;
  std::size_t limit = 0;
};

std::size_t append_bytes(const char* bytes, std::size_t size, std::size_t count, void* body) {
  auto& [text, limit] = *static_cast<Body*>(body);
  if (size * count > limit - text.size()) return 0;  // which ends the transfer
  text.append(bytes, size * count);
  return size * count;
}

void start_curl() {
  // Once, before any thread of ours.
  static const CURLcode kStarted = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kStarted != CURLE_OK) throw std::runtime_error("curl_global_init failed");
}

Transfer make_transfer(const std::string& url, const HttpGetLimits& limits, Body& body,
                       char* message) {
  Transfer transfer(::curl_easy_init(), &::curl_easy_cleanup);
  if (!transfer) throw std::bad_alloc();
  CURL* curl = transfer.get();
  ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // Names are resolved in a thread, for which the clean-up would wait beyond every limit of ours.
  ::curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(limits.patience.count()));
  ::curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.body_bytes));
  ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "tenant-registry");
  ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_bytes);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  return transfer;
}

// Carries out the one transfer; false when it was stopped.
bool run_transfer(CURLM* transfers, int stop_fd) {
  constexpr int kLongestPollMs = 1'000;
  for (int running = 1; running > 0;) {
    if (::curl_multi_perform(transfers, &running) != CURLM_OK) {
      throw std::runtime_error("curl_multi_perform failed");
    }
    if (running == 0) break;
    curl_waitfd stop{.fd = stop_fd, .events = CURL_WAIT_POLLIN, .revents = 0};
    if (::curl_multi_poll(transfers, &stop, 1, kLongestPollMs, nullptr) != CURLM_OK) {
      throw std::runtime_error("curl_multi_poll failed");
    }
    if (stop.revents != 0) return false;
  }
  return true;
}

// What became of it.
CURLcode result_of(CURLM* transfers) {
  int left = 0;
  const CURLMsg* told = ::curl_multi_info_read(transfers, &left);
  return told == nullptr ? CURLE_RECV_ERROR : told->data.result;
}

}  // namespace

tl::expected<std::string, HttpGetError> http_get(const std::string& url, int stop_fd,
                                                 const HttpGetLimits& limits) {
  using Failed = tl::unexpected<HttpGetError>;
  start_curl();
  Body body{.bytes = {}, .limit = limits.body_bytes};
  std::string message(CURL_ERROR_SIZE, '\0');
  const Transfer transfer = make_transfer(url, limits, body, message.data());
  const Transfers transfers(::curl_multi_init(), &::curl_multi_cleanup);
  if (!transfers || ::curl_multi_add_handle(transfers.get(), transfer.get()) != CURLM_OK) {
    throw std::bad_alloc();
  }
  const bool is_done = run_transfer(transfers.get(), stop_fd);
  const CURLcode result = is_done ? result_of(transfers.get()) : CURLE_ABORTED_BY_CALLBACK;
  ::curl_multi_remove_handle(transfers.get(), transfer.get());
  if (!is_done) return Failed({.fault = HttpGetFault::kStopped, .message = {}});
  if (result != CURLE_OK) {
    const std::string why =
        message.front() != '\0' ? message.c_str() : ::curl_easy_strerror(result);
    return Failed({.message = why});
  }
  long status = 0;
  ::curl_easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) return Failed({.message = "status " + std::to_string(status)});
  return std::move(body.bytes);
}

}  // namespace registry::jobs
