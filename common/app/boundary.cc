#include "common/app/boundary.h"

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/app/readiness.h"
#include "common/base/utf8.h"
#include "common/crypto/digest.h"

namespace registry {
namespace {

constexpr std::size_t kUserAgentLimitBytes = 512;
// Of an issuer's id of somebody; its own limit is 255 (OpenID Connect Core, section 2).
constexpr std::size_t kPrincipalLimitBytes = 255;

// Where a change comes from, as nginx saw it.
void add_address(ChangeOrigin& origin, const Request& request) {
  // nginx on a unix socket has no address to pass on.
  origin.source_ip = canonical_ip_address(request.remote_address);
  if (!request.user_agent.empty()) {
    origin.user_agent = sanitized_text(request.user_agent, kUserAgentLimitBytes);
  }
}

}  // namespace

// The end of a request whose body is made while it is sent: only then its line is in the log.
class Boundary::RequestEnd {
 public:
  RequestEnd(const Boundary& boundary, Request request, int status,
             std::chrono::steady_clock::time_point start)
      : boundary_(boundary), request_(std::move(request)), status_(status), start_(start) {}
  RequestEnd(const RequestEnd&) = delete;
  RequestEnd& operator=(const RequestEnd&) = delete;
  ~RequestEnd() { boundary_.log_end(request_, status_, start_); }

  [[nodiscard]] const std::string& request_id() const { return request_.id; }

 private:
  const Boundary& boundary_;
  const Request request_;
  const int status_;
  const std::chrono::steady_clock::time_point start_;
};

Boundary::Boundary(const http::Operation& operation, Handler handler, const Config& config,
                   Store& store, const Catalog& catalog, const Clock& clock, const Log& log,
                   Metrics& metrics)
    : operation_(operation),
      handler_(handler),
      config_(config),
      metrics_(metrics),
      store_(std::make_unique<MeasuredStore>(store, metrics)),
      catalog_(catalog),
      log_(log),
      keys_(std::make_unique<KeyVerifier>(*store_, log, metrics)),
      gate_(std::make_unique<Gate>(operation, config.tokens, *keys_, clock)) {}

void Boundary::on_wait(const std::function<void()>& before_wait) {
  before_wait_ = before_wait;
  keys_->on_wait(before_wait);
  gate_->on_wait(before_wait);
  store_->on_wait(before_wait);
}

fcgi::Reply Boundary::reply(Request request) const {
  const auto start = std::chrono::steady_clock::now();
  // Of a former request that had no end.
  [[maybe_unused]] const StoreUse before = MeasuredStore::take_use();
  if (!http::is_request_id(request.id)) request.id = crypto::random_hex_id();
  Answer answered = answer(request);
  // A function's log and counters are about what clients ask of it.
  if (is_release_check(request)) return std::move(answered.reply);
  if (!answered.reply.more) {
    log_end(request, answered.status, start);
    return std::move(answered.reply);
  }
  before_wait_();
  answered.reply.more =
      guarded(std::move(answered.reply.more),
              std::make_shared<RequestEnd>(*this, std::move(request), answered.status, start));
  return std::move(answered.reply);
}

void Boundary::log_end(const Request& request, int status,
                       std::chrono::steady_clock::time_point start) const {
  const auto duration = std::chrono::steady_clock::now() - start;
  const bool is_known = operation_.method == request.method || request.method == "HEAD";
  const StoreUse use = MeasuredStore::take_use();
  const auto duration_us = std::chrono::duration_cast<std::chrono::microseconds>(duration);
  const auto store_us = std::chrono::duration_cast<std::chrono::microseconds>(use.duration);
  metrics_.count_request(status, duration_us, store_us);
  log_.request({
      .request_id = request.id,
      .method = is_known ? std::string_view(request.method) : "OTHER",
      .route = operation_.route,
      .status = status,
      .duration_us = duration_us.count(),
      .store_us = store_us.count(),
      .trace_id = http::trace_id(request.trace_parent),
      .principal = request.principal,
      .tenant = use.tenant_id ? use.tenant_id->to_string() : std::string(),
  });
}

// What goes wrong while a body is made can no longer be told otherwise than by breaking it off.
http::BodySource Boundary::guarded(http::BodySource more, std::shared_ptr<RequestEnd> end) const {
  return [this, more = std::move(more), end = std::move(end)]() -> std::optional<std::string> {
    try {
      return more();
    } catch (const std::exception& error) {
      log_.message(LogLevel::kError, error.what(), end->request_id());
    } catch (...) {
      log_.message(LogLevel::kError, "an exception of an unknown type", end->request_id());
    }
    return std::nullopt;
  };
}

Boundary::Answer Boundary::answer(Request& request) const {
  try {
    return written(respond(request), request);
  } catch (const StoreUnavailable& error) {
    return written(failed(ErrorCode::kUnavailable, request, error.what()), request);
  } catch (const std::exception& error) {
    return written(failed(ErrorCode::kInternal, request, error.what()), request);
  } catch (...) {
    return written(failed(ErrorCode::kInternal, request, "an exception of an unknown type"),
                   request);
  }
}

Boundary::Answer Boundary::written(Response response, const Request& request) {
  response.headers.push_back({.name = "X-Request-Id", .value = request.id});
  Answer answer{.status = response.status, .reply = {}};
  const auto body_bytes = response.more ? std::nullopt : std::optional(response.body.size());
  answer.reply.head = http::response_head(response, body_bytes);
  const bool has_body = request.method != "HEAD" && http::has_content(response.status);
  if (has_body) {
    answer.reply.body = std::move(response.body);
    answer.reply.more = std::move(response.more);
  }
  return answer;
}

// Whoever may not call learns nothing of what is wrong with their request besides.
Result<Response> Boundary::handled(Request& request) const {
  if (is_release_check(request)) return check_release(operation_, *store_, *gate_);
  if (auto status = http::resolve_path(operation_, request); !status) return fail(status.error());
  std::string principal;
  auto caller = gate_->admit(request, principal);
  request.principal = sanitized_text(principal, kPrincipalLimitBytes);
  if (!caller) return fail(caller.error());
  if (auto status = http::resolve_input(operation_, request); !status) return fail(status.error());
  add_address(caller->origin, request);
  Context context{.config = config_,
                  .store = *store_,
                  .catalog = catalog_,
                  .keys = *keys_,
                  .tenants = caller->access.tenants,
                  .bound_product = caller->access.product,
                  .origin = caller->origin,
                  .gate = *gate_,
                  .export_places = *export_places_};
  return handler_(request, context);
}

Response Boundary::respond(Request& request) const {
  Result<Response> result = handled(request);
  if (result) return std::move(*result);
  const std::string& cause = result.error().cause;
  if (!cause.empty()) log_.message(LogLevel::kError, cause.c_str(), request.id);
  Response response = error_response(result.error(), request);
  if (result.error().code == ErrorCode::kMethodNotAllowed) {
    response.headers.push_back({.name = "Allow", .value = http::allowed_methods(operation_)});
  }
  if (result.error().code == ErrorCode::kUnauthenticated) {
    response.headers.push_back(
        {.name = "WWW-Authenticate", .value = challenge(request, result.error())});
  }
  return response;
}

// The caller learns that it failed and under which id to find it in the log, and nothing else.
Response Boundary::failed(ErrorCode code, const Request& request, const char* what) const {
  log_.message(LogLevel::kError, what, request.id);
  const char* detail = code == ErrorCode::kUnavailable
                           ? "The service cannot answer right now; try again."
                           : "Something went wrong inside; the log has it under this request_id.";
  return error_response(failure(code, detail), request);
}

Response Boundary::error_response(const Error& error, const Request& request) const {
  switch (operation_.error_form) {
    case http::ErrorForm::kProblem:
      return http::problem_response(error, request.id);
    case http::ErrorForm::kRetraced:
      return http::retraced_error_response(error);
  }
  throw std::logic_error("an unknown form of errors");
}

}  // namespace registry
