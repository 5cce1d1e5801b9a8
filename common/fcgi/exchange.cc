#include "common/fcgi/exchange.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <streambuf>
#include <system_error>

#include <fcgio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/wipe.h"

namespace registry::fcgi {
namespace {

// Above every stream, and by more than libfcgi reads at once (8 KiB): see wipe_read().
constexpr off_t kMemoryFileBytes = off_t{128} << 10U;

UniqueFd open_memory_file() {
  UniqueFd file(::memfd_create("fastcgi-params", MFD_CLOEXEC));
  if (!file) throw std::system_error(errno, std::generic_category(), "memfd_create");
  if (::ftruncate(file.get(), kMemoryFileBytes) != 0) {
    throw std::system_error(errno, std::generic_category(), "ftruncate");
  }
  return file;
}

void write_at_start(int file, std::string_view bytes) {
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), at);
    if (written < 0) throw std::system_error(errno, std::generic_category(), "pwrite");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
}

void go_to_start(int file) {
  if (::lseek(file, 0, SEEK_SET) < 0) {
    throw std::system_error(errno, std::generic_category(), "lseek");
  }
}

// Wipes the parameters in the buffer that libfcgi has read them into: from the first byte of the
// last piece to where it stands. The memory file goes on in zeros, so its last read filled the
// rest of the buffer with them.
void wipe_read(const FCGX_Stream& in) {
  if (in.stopUnget < in.rdNext) {
    wipe(in.stopUnget, static_cast<std::size_t>(in.rdNext - in.stopUnget));
  }
}

// Returns false when the peer is gone or too slow.
bool write(FCGX_Stream& stream, const std::string& text) {
  fcgi_streambuf out(&stream);
  const auto size = static_cast<std::streamsize>(text.size());
  return out.sputn(text.data(), size) == size;
}

// The same of what follows a body. Returns false as well when that breaks off.
bool write_more(FCGX_Stream& stream, const http::BodySource& more) {
  while (more) {
    const auto piece = more();
    if (!piece) return false;
    if (piece->empty()) break;
    if (!write(stream, *piece)) return false;
  }
  return true;
}

}  // namespace

void initialize_libfcgi() {
  if (const int error = ::FCGX_Init(); error != 0) {
    throw std::runtime_error("FCGX_Init failed: " + std::to_string(error));
  }
  // libfcgi installs handlers of its own for these; a peer that has gone is told by write()'s
  // result, and SIGTERM is for the server alone.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGTERM, SIG_DFL);
}

Exchange::Exchange() : memory_file_(open_memory_file()) {
  // Never a listening socket: FCGX_Accept_r must not accept on its own.
  ::FCGX_InitRequest(&request_, /*sock=*/-1, /*flags=*/0);
}

Exchange::~Exchange() {
  abandon();
}

void Exchange::wipe_request() {
  if (request_.out == nullptr) return;  // there is no request
  for (char** variable = request_.envp; *variable != nullptr; ++variable) {
    wipe(*variable, std::strlen(*variable));
  }
  wipe(out_buffer_, out_buffer_bytes_);
}

void Exchange::abandon() {
  wipe_request();
  // Closes nothing: the descriptors have owners.
  request_.ipcFd = -1;
  ::FCGX_Free(&request_, /*close=*/0);
}

void Exchange::begin(std::string_view params_stream) {
  write_at_start(memory_file_.get(), params_stream);
  go_to_start(memory_file_.get());
  // An open, kept connection is what FCGX_Accept_r goes on with instead of accepting one.
  request_.ipcFd = memory_file_.get();
  request_.keepConnection = 1;
  if (::FCGX_Accept_r(&request_) != 0) {
    // libfcgi has closed the descriptor.
    memory_file_.forget();
    memory_file_ = open_memory_file();
    throw std::logic_error("libfcgi refused a checked request");
  }
  out_buffer_ = request_.out->wrNext;
  out_buffer_bytes_ = static_cast<std::size_t>(request_.out->stop - request_.out->wrNext);
  wipe_read(*request_.in);
  write_at_start(memory_file_.get(), std::string(params_stream.size(), '\0'));
}

std::string_view Exchange::parameter(const char* name) const {
  const char* value = ::FCGX_GetParam(name, request_.envp);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool Exchange::finish(UniqueFd& connection, const Reply& reply) {
  request_.ipcFd = connection.get();
  if (!write(*request_.out, reply.head) || !write(*request_.out, reply.body) ||
      !write_more(*request_.out, reply.more)) {
    // Ending the request would wait for the peer once more.
    abandon();
    connection = UniqueFd();
    return false;
  }
  // On an error libfcgi closes the connection, without lingering for two seconds since it is told
  // that the connection is detached; else it leaves it open.
  ::FCGX_Detach(&request_);
  // As FCGX_Finish_r does, which then finds them closed and frees what is wiped by now.
  ::FCGX_FClose(request_.err);
  ::FCGX_FClose(request_.out);
  wipe_request();
  ::FCGX_Finish_r(&request_);
  const bool is_sent = request_.ipcFd >= 0;
  if (!is_sent) connection.forget();
  request_.ipcFd = -1;
  request_.detached = 0;
  return is_sent;
}

}  // namespace registry::fcgi
