#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/service.h"
#include "tests/support/temp_folder.h"

namespace registry::test {

// The production site in a real nginx: deploy/nginx/site.conf as it is installed, with the parts
// that it includes, in the configuration that Debian's nginx comes with. Only paths and addresses
// are replaced, and the certificate is its own. The local settings are a listener without TLS, and
// trust in loopback to name a client's address (X-Forwarded-For).
class Site {
 public:
  struct Options {
    std::string openapi = source_folder() + "/openapi.yaml";  // what the routes are derived from
    int debian = 12;                                          // whose configuration
    // Of operations: more lines for their upstreams.
    std::map<std::string, std::string> upstreams = {};
  };

  // For functions on OPERATION.sock in the folder.
  Site(const std::string& sockets, const Options& options);
  // For the functions of a service.
  explicit Site(const Service& service);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site();

  [[nodiscard]] int plain_port() const { return plain_port_; }
  [[nodiscard]] int tls_port() const { return tls_port_; }
  [[nodiscard]] int redirect_port() const { return redirect_port_; }

  // On the listener without TLS. What it gets is not held against openapi.yaml.
  [[nodiscard]] HttpClient client() const { return HttpClient::of_others(plain_port_); }
  // What curl prints of a request to a path over TLS: head and body, and the errors.
  [[nodiscard]] Output curl(const std::string& path, const std::vector<std::string>& options) const;

  // What `nginx -t` says of the whole.
  [[nodiscard]] Output check_configuration() const;

  // The lines of the access log so far.
  [[nodiscard]] std::string access_log() const;
  // The line with a request id, once it is there.
  [[nodiscard]] Json access_log_entry(const std::string& request_id) const;
  // What nginx must never have to say: [emerg], [alert], [crit].
  [[nodiscard]] std::string alarms() const;

 private:
  void render_shared(const std::string& sockets, const Options& options);
  void render_site();
  void render_nginx();
  bool start();

  TempFolder folder_;
  int debian_;
  int plain_port_ = 0;
  int tls_port_ = 0;
  int redirect_port_ = 0;
  std::vector<Process> nginx_;  // one, once it runs
};

// The header by which the site's listener without TLS takes a client for one with this address.
[[nodiscard]] std::string from_address(const std::string& address);

}  // namespace registry::test
