#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/app/app.h"
#include "common/app/gate.h"
#include "common/app/measured_store.h"
#include "common/app/metrics.h"
#include "common/base/log.h"
#include "common/fcgi/reply.h"
#include "common/http/operation.h"

namespace registry {

// The one place where whatever a handler does becomes an answer, a line in the log, and part of
// what is counted. Thread-safe.
class Boundary {
 public:
  // Everything given must outlive the boundary.
  Boundary(const http::Operation& operation, Handler handler, const Config& config, Store& store,
           const Catalog& catalog, const Clock& clock, const Log& log, Metrics& metrics);

  [[nodiscard]] const KeyVerifier& keys() const { return *keys_; }
  // Is called in the thread of a request that is about to wait: for argon2, for new keys of the
  // issuer, for others' appends, or for a client that takes an export. Set before the first reply.
  void on_wait(const std::function<void()>& before_wait);

  // Never throws, short of running out of memory.
  [[nodiscard]] fcgi::Reply reply(Request request) const;

 private:
  struct Answer {
    int status = 0;
    fcgi::Reply reply;
  };

  class RequestEnd;

  [[nodiscard]] http::BodySource guarded(http::BodySource more,
                                         std::shared_ptr<RequestEnd> end) const;
  void log_end(const Request& request, int status,
               std::chrono::steady_clock::time_point start) const;
  [[nodiscard]] Answer answer(Request& request) const;
  [[nodiscard]] static Answer written(Response response, const Request& request);
  [[nodiscard]] Response respond(Request& request) const;
  [[nodiscard]] Result<Response> handled(Request& request) const;
  [[nodiscard]] Response error_response(const Error& error, const Request& request) const;
  [[nodiscard]] Response failed(ErrorCode code, const Request& request, const char* what) const;

  const http::Operation& operation_;
  Handler handler_;
  const Config& config_;
  Metrics& metrics_;
  std::unique_ptr<MeasuredStore> store_;
  const Catalog& catalog_;
  const Log& log_;
  std::unique_ptr<KeyVerifier> keys_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<ExportPlaces> export_places_ = std::make_unique<ExportPlaces>();
  std::function<void()> before_wait_ = [] {};
};

}  // namespace registry
