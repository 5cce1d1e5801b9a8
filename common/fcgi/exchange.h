#pragma once

#include <cstddef>
#include <string_view>

#include <fcgiapp.h>

#include "common/base/unique_fd.h"
#include "common/fcgi/reply.h"

namespace registry::fcgi {

// Prepares libfcgi for this process; once, before the first Exchange and before threads start.
void initialize_libfcgi();

// One worker's use of libfcgi: it decodes the parameters of a request and encodes the answer. It
// never reads from the connection, where it would wait without limit: the checked records of
// RequestAssembler are handed to it in a memory file. Not thread-safe; one per worker.
class Exchange {
 public:
  Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  // Takes a request from RequestAssembler::params_stream(). What libfcgi decodes of it is wiped
  // when the request ends, and so is the answer: libfcgi only frees its memory.
  void begin(std::string_view params_stream);

  // A parameter of the request, empty when it was not sent; valid until finish().
  [[nodiscard]] std::string_view parameter(const char* name) const;

  // Forgets a request without an answer; without effect when there is none.
  void abandon();

  // Sends the answer and ends the request. Returns false when the peer is gone or too slow, or the
  // answer breaks off: the connection is closed then, so that the peer knows.
  [[nodiscard]] bool finish(UniqueFd& connection, const Reply& reply);

 private:
  void wipe_request();

  UniqueFd memory_file_;
  FCGX_Request request_{};
  // Of the request's output: libfcgi tells where it is only before something is in it.
  unsigned char* out_buffer_ = nullptr;
  std::size_t out_buffer_bytes_ = 0;
};

}  // namespace registry::fcgi
