#pragma once

#include <string>
#include <string_view>

#include "common/base/unique_fd.h"

namespace registry::test {

// Sockets as a hostile or a curious client uses them. Each wait ends within kPatience.

// A private listening socket at `path`, as a supervisor makes it for a function.
[[nodiscard]] UniqueFd listen_unix(const std::string& path);
[[nodiscard]] UniqueFd connect_unix(const std::string& path);
[[nodiscard]] UniqueFd connect_tcp(int port);
// A TCP port that was free a moment ago.
[[nodiscard]] int free_port();

// Sends as much as the peer takes; returns false when it has closed the connection.
bool send_all(const UniqueFd& socket, std::string_view bytes);
// Reads until the peer closes or resets the connection.
[[nodiscard]] std::string receive_all(const UniqueFd& socket);
// Sends bytes to a web server on a port of this machine and gives all that it answers.
[[nodiscard]] std::string exchange_bytes(int port, std::string_view bytes);
// True when the peer has closed the connection, or does so within kPatience.
[[nodiscard]] bool is_closed_by_peer(const UniqueFd& socket);

// FastCGI, from the web server's side.
[[nodiscard]] std::string fastcgi_record(int type, int request_id, std::string_view content);
// A whole request without a body.
[[nodiscard]] std::string fastcgi_get(std::string_view uri, bool keep_connection);
// The text of the STDOUT records in what a function sent.
[[nodiscard]] std::string fastcgi_output(std::string_view stream);
// Reads one whole answer, up to its END_REQUEST record.
[[nodiscard]] std::string receive_fastcgi_answer(const UniqueFd& socket);

}  // namespace registry::test
