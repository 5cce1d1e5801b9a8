#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace registry::fcgi {

// Puts one request together from the bytes that a web server sends, and lets nothing through that
// could hurt. Source: FastCGI Specification 1.0, section 3.
//
// libfcgi reads records on its own, but trusts their lengths (a failed allocation ends the
// process) and answers FCGI_GET_VALUES in a buffer of fixed size, and its reads wait without
// limit. So records are checked and collected here; libfcgi sees only what params_stream() says.
class RequestAssembler {
 public:
  enum class State {
    kIncomplete,  // more bytes are needed
    kComplete,    // one whole request; further bytes belong to the next one
    kBroken,      // not FastCGI as a responder may get it; the connection is of no use any more
  };

  // The parameters of a request: nginx bounds its headers to 32 KiB.
  static constexpr std::size_t kParamsLimitBytes = 65'535;
  static constexpr std::size_t kParamsLimit = 64;

  // The body is kept up to `body_limit_bytes`; what is over is read and dropped.
  explicit RequestAssembler(std::size_t body_limit_bytes) : body_limit_bytes_(body_limit_bytes) {}

  // Takes in bytes as they arrive, in pieces of any size. Returns how many it took: all of them,
  // unless the request was complete before the last.
  std::size_t feed(std::string_view bytes);

  // Wipes what it holds, and is ready for the next request.
  void start_over();

  [[nodiscard]] State state() const { return state_; }
  // True once a byte of a request has arrived.
  [[nodiscard]] bool has_started() const { return has_started_; }

  // For a complete request:
  [[nodiscard]] bool keep_connection() const { return keep_connection_; }
  [[nodiscard]] bool is_body_too_large() const { return body_bytes_ > body_limit_bytes_; }
  // The length of the body as it arrived, with what was dropped.
  [[nodiscard]] std::size_t body_bytes() const { return body_bytes_; }

  // The request without its body, as FastCGI records that libfcgi cannot misread: the beginning
  // and the parameters with their end.
  [[nodiscard]] std::string params_stream() const;

  // The body, up to its limit. take_body() leaves none.
  [[nodiscard]] const std::string& body() const { return body_; }
  [[nodiscard]] std::string take_body() { return std::move(body_); }

 private:
  void take_header();
  void take_content(std::string_view content);
  void end_record();
  void begin_request();
  void end_params();
  void fail() { state_ = State::kBroken; }

  std::size_t body_limit_bytes_;
  State state_ = State::kIncomplete;
  bool has_started_ = false;
  bool keep_connection_ = false;
  enum class Phase { kBegin, kParams, kStdin } phase_ = Phase::kBegin;

  std::string header_;  // the bytes of a record header so far
  std::uint8_t type_ = 0;
  std::uint16_t request_id_ = 0;
  std::size_t content_length_ = 0;  // of the record
  std::size_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  std::string begin_body_;
  std::string params_;
  std::string body_;
  std::size_t body_bytes_ = 0;
};

}  // namespace registry::fcgi
