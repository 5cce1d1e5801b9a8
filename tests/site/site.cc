#include "tests/site/site.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>
#include <stdexcept>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/log_search.h"
#include "tests/support/socket.h"
#include "tests/support/wait.h"

namespace registry::test {
namespace {

constexpr const char* kNginx = "/usr/sbin/nginx";
constexpr const char* kName = "registry.example.com";
constexpr int kPortTries = 5;

std::string run_or_throw(const std::vector<std::string>& arguments) {
  const Output output = run_program({.arguments = arguments});
  if (output.exit_code != 0) throw std::runtime_error(arguments.front() + ": " + output.errors);
  return output.output;
}

// Replaces what must be there.
void replace_all(std::string& text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("nothing to replace: " + from);
  for (; at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void replace_lines(std::string& text, const std::string& pattern, const std::string& to) {
  text = std::regex_replace(text, std::regex("(^|\n)[ \t]*" + pattern + "[^\n]*"), "$1" + to);
}

// What the comment at the head of the site tells its operator to set, at most as much as a test
// may.
std::string advised(const std::string& site, const std::string& directive) {
  std::smatch match;
  const std::regex line("\n#[^\n]*\\b" + directive + " ([0-9]+);");
  if (!std::regex_search(site, match, line)) throw std::runtime_error("no advice: " + directive);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("getrlimit");
  return directive + " " + std::to_string(std::min<rlim_t>(std::stoul(match[1]), limit.rlim_max)) +
         ";";
}

std::string folder_of(const Service& service) {
  return std::filesystem::path(service.socket_path("x")).parent_path();
}

// Where the routes look for sockets and for more servers until they are somebody's.
constexpr const char* kNoSockets = "/nowhere/sockets";
constexpr const char* kNoUpstreams = "/nowhere/upstreams";

// The routes of a document, derived once: it takes longer than to start nginx.
const std::string& routes_of(const std::string& openapi, const std::string& context) {
  static std::map<std::pair<std::string, std::string>, std::string> known;
  std::string& routes = known[{openapi, context}];
  if (routes.empty()) {
    routes = run_or_throw({source_folder() + "/deploy/routes.py", "routes", openapi, context,
                           "--sockets", kNoSockets, "--docs", build_folder() + "/docs",
                           "--upstreams", kNoUpstreams});
  }
  return routes;
}

// A key and a certificate of it for the site's name, in files of these names; one for all sites.
const std::string& folder_with_certificate() {
  static const TempFolder folder;
  static const std::string made = run_or_throw(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
       "-nodes", "-days", "2", "-subj", std::string("/CN=") + kName, "-addext",
       std::string("subjectAltName=DNS:") + kName, "-keyout", folder.path() + "/key", "-out",
       folder.path() + "/certificate"});
  return folder.path();
}

}  // namespace

std::string from_address(const std::string& address) {
  return "X-Forwarded-For: " + address;
}

Site::Site(const std::string& sockets, const Options& options) : debian_(options.debian) {
  for (const char* name : {"share", "local", "log", "temporary"}) {
    std::filesystem::create_directory(folder_.path() + "/" + name);
  }
  render_shared(sockets, options);
  for (int attempt = 0; attempt < kPortTries; ++attempt) {
    if (start()) return;
  }
  throw std::runtime_error("nginx does not start: " + read_file(folder_.path() + "/log/nginx"));
}

Site::Site(const Service& service) : Site(folder_of(service), {}) {}

Site::~Site() {
  for (Process& nginx : nginx_) end_nginx(nginx);
  search_log("a site", access_log());
}

void Site::render_shared(const std::string& sockets, const Options& options) {
  const std::string shared = source_folder() + "/deploy/nginx/";
  const std::string share = folder_.path() + "/share/";
  for (const char* name : {"http", "server"}) {
    std::filesystem::copy(shared + name + ".conf", share + name + ".conf");
    std::string routes = routes_of(options.openapi, name);
    if (name == std::string("http")) {
      replace_all(routes, kNoSockets, sockets);
      replace_all(routes, kNoUpstreams, folder_.path() + "/local/upstreams");
    }
    write_file(share + name + "_routes.conf", routes);
  }
  for (const auto& [operation, lines] : options.upstreams) {
    const std::string folder = folder_.path() + "/local/upstreams/" + operation;
    std::filesystem::create_directories(folder);
    write_file(folder + "/more.conf", lines);
  }
}

void Site::render_site() {
  std::string site = read_file(source_folder() + "/deploy/nginx/site.conf");
  const std::string loopback = "listen 127.0.0.1:";
  replace_lines(site, "listen \\[::\\]", "");
  replace_all(site, "listen 80;", loopback + std::to_string(redirect_port_) + ";");
  replace_all(site, "listen 443 ", loopback + std::to_string(tls_port_) + " ");
  replace_all(site, "include /usr/share/tenant-registry/nginx/",
              "include " + folder_.path() + "/share/");
  replace_all(site, "include /etc/tenant-registry/nginx/", "include " + folder_.path() + "/local/");
  replace_all(site, "/var/log/nginx/", folder_.path() + "/log/");
  replace_all(site, "/etc/ssl/certs/tenant-registry.pem",
              folder_with_certificate() + "/certificate");
  replace_all(site, "/etc/ssl/private/tenant-registry.key", folder_with_certificate() + "/key");
  write_file(folder_.path() + "/site.conf", site);
  write_file(folder_.path() + "/local/test.conf",
             loopback + std::to_string(plain_port_) +
                 ";\nset_real_ip_from 127.0.0.1;\nreal_ip_header X-Forwarded-For;\n");
}

void Site::render_nginx() {
  const std::string site = read_file(folder_.path() + "/site.conf");
  std::string temporary;
  for (const char* name : {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"}) {
    temporary += std::string(name) + "_temp_path " + folder_.path() + "/temporary/" + name + ";\n";
  }
  std::string nginx =
      read_file(source_folder() + "/tests/data/nginx-debian-" + std::to_string(debian_) + ".conf");
  replace_lines(nginx, "user ", ::geteuid() == 0 ? "user root;" : "");
  replace_lines(nginx, "pid ", "pid " + folder_.path() + "/pid;");
  replace_lines(
      nginx, "error_log ",
      "error_log " + folder_.path() + "/log/nginx;\n" + advised(site, "worker_rlimit_nofile"));
  replace_lines(nginx, "worker_connections ", advised(site, "worker_connections"));
  replace_lines(nginx, "access_log ", "access_log off;");
  replace_lines(nginx, "include /etc/nginx/modules-enabled/", "");
  replace_lines(nginx, "include /etc/nginx/conf\\.d/", temporary);
  replace_lines(nginx, "include /etc/nginx/sites-enabled/",
                "include " + folder_.path() + "/site.conf;");
  write_file(folder_.path() + "/nginx.conf", nginx);
}

// False when nginx has ended, as it does when somebody else has one of the ports by now.
bool Site::start() {
  redirect_port_ = free_port();
  tls_port_ = free_port();
  plain_port_ = free_port();
  render_site();
  render_nginx();
  nginx_.clear();
  nginx_.emplace_back(Command{
      .arguments = {kNginx, "-c", folder_.path() + "/nginx.conf", "-e",
                    folder_.path() + "/log/nginx", "-g", "daemon off;"},
  });
  wait_until("nginx", [&] {
    return !nginx_.front().is_running() || std::filesystem::exists(folder_.path() + "/pid");
  });
  return nginx_.front().is_running();
}

Output Site::check_configuration() const {
  return run_program(
      {.arguments = {kNginx, "-t", "-c", folder_.path() + "/nginx.conf", "-e", "stderr"}});
}

Output Site::curl(const std::string& path, const std::vector<std::string>& options) const {
  const std::string port = std::to_string(tls_port_);
  std::vector<std::string> arguments = {"/usr/bin/curl",
                                        "--silent",
                                        "--show-error",
                                        "--noproxy",
                                        "*",
                                        "--max-time",
                                        std::to_string(kPatience.count()),
                                        "--cacert",
                                        folder_with_certificate() + "/certificate",
                                        "--resolve",
                                        std::string(kName) + ":" + port + ":127.0.0.1",
                                        "--include"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.push_back("https://" + std::string(kName) + ":" + port + path);
  return run_program({.arguments = arguments});
}

std::string Site::access_log() const {
  return read_file(folder_.path() + "/log/tenant-registry.access.log");
}

Json Site::access_log_entry(const std::string& request_id) const {
  std::string line;
  wait_until("the line of " + request_id, [&] {
    std::istringstream lines(access_log());
    while (std::getline(lines, line)) {
      if (line.find('"' + request_id + '"') != std::string::npos && !lines.eof()) return true;
    }
    return false;
  });
  return Json::parse(line);
}

std::string Site::alarms() const {
  std::string found;
  std::istringstream lines(read_file(folder_.path() + "/log/nginx"));
  for (std::string line; std::getline(lines, line);) {
    for (const char* level : {"[emerg]", "[alert]", "[crit]"}) {
      if (line.find(level) != std::string::npos) found += line + "\n";
    }
  }
  return found;
}

}  // namespace registry::test
