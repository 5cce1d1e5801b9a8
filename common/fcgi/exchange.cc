#include "common/fcgi/exchange.h"

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <streambuf>
#include <system_error>

#include <fcgio.h>
#include <sys/mman.h>

namespace registry::fcgi {
namespace {

UniqueFd open_memory_file() {
  UniqueFd file(::memfd_create("fastcgi-params", MFD_CLOEXEC));
  if (!file) throw std::system_error(errno, std::generic_category(), "memfd_create");
  return file;
}

void write_from_start(int file, std::string_view bytes) {
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), at);
    if (written < 0) throw std::system_error(errno, std::generic_category(), "pwrite");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  if (::lseek(file, 0, SEEK_SET) < 0) {
    throw std::system_error(errno, std::generic_category(), "lseek");
  }
}

// Returns false when the peer is gone or too slow.
bool write(FCGX_Stream& stream, const std::string& text) {
  fcgi_streambuf out(&stream);
  const auto size = static_cast<std::streamsize>(text.size());
  return out.sputn(text.data(), size) == size;
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

void Exchange::abandon() {
  // Closes nothing: the descriptors have owners.
  request_.ipcFd = -1;
  ::FCGX_Free(&request_, /*close=*/0);
}

void Exchange::begin(std::string_view params_stream) {
  write_from_start(memory_file_.get(), params_stream);
  // An open, kept connection is what FCGX_Accept_r goes on with instead of accepting one.
  request_.ipcFd = memory_file_.get();
  request_.keepConnection = 1;
  if (::FCGX_Accept_r(&request_) != 0) {
    // libfcgi has closed the descriptor.
    memory_file_.forget();
    memory_file_ = open_memory_file();
    throw std::logic_error("libfcgi refused a checked request");
  }
}

std::string_view Exchange::parameter(const char* name) const {
  const char* value = ::FCGX_GetParam(name, request_.envp);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool Exchange::finish(UniqueFd& connection, const Reply& reply) {
  request_.ipcFd = connection.get();
  if (!write(*request_.out, reply.head) || !write(*request_.out, reply.body)) {
    // Ending the request would wait for the peer once more.
    abandon();
    connection = UniqueFd();
    return false;
  }
  // On an error libfcgi closes the connection, without lingering for two seconds since it is told
  // that the connection is detached; else it leaves it open.
  ::FCGX_Detach(&request_);
  ::FCGX_Finish_r(&request_);
  const bool is_sent = request_.ipcFd >= 0;
  if (!is_sent) connection.forget();
  request_.ipcFd = -1;
  request_.detached = 0;
  return is_sent;
}

}  // namespace registry::fcgi
