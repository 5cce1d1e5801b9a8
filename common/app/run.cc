#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <sysexits.h>
#include <unistd.h>

#include "common/app/app.h"
#include "common/app/boundary.h"
#include "common/app/catalog_file.h"
#include "common/app/metrics.h"
#include "common/base/private_memory.h"
#include "common/base/standard_descriptors.h"
#include "common/base/stop_signals.h"
#include "common/fcgi/cgi_request.h"
#include "common/fcgi/server.h"
#include "common/store/open_store.h"

namespace registry {
namespace {

int refuse(const ConfigError& error) {
  return refuse_configuration(http::kOperation.id, error);
}

// As many callers as may wait for argon2 or others' appends, and exports: whoever waits leaves its
// place to others.
constexpr int kAsideLimit =
    static_cast<int>(KeyProverLimits{}.callers + kAppendsAside) + kExportsAtOnce;

void log_summary(const KeyVerifier& keys, const Log& log) {
  const std::string summary = keys.summary();
  if (!summary.empty()) log.message(LogLevel::kInfo, summary);
}

// Without a file to count in, the service does not get worse for its clients, so it is served.
CounterFile open_counters_or_none(const Config& config, const Log& log) {
  // A program that answers one request, for somebody who looks at it, is no part of the service.
  if (!fcgi::is_listening_socket(STDIN_FILENO)) return CounterFile::without_file();
  auto file = open_counters(config.metrics_dir, http::kOperation.id);
  if (file) return std::move(*file);
  log.message(LogLevel::kWarn, "METRICS_DIR: " + config.metrics_dir + ": " + file.error() +
                                   "; what this process counts is nowhere to be read");
  return CounterFile::without_file();
}

int serve(const Config& config, Boundary& boundary, const Log& log) {
  const fcgi::Handler handler = [&](Request request) { return boundary.reply(std::move(request)); };
  if (!fcgi::is_listening_socket(STDIN_FILENO)) {
    return fcgi::serve_cgi(handler, http::kOperation.body_limit_bytes) ? EX_OK : EX_IOERR;
  }
  const UniqueFd stop_signals = redirect_stop_signals();
  fcgi::initialize_libfcgi();
  fcgi::Server server({.listen_fd = STDIN_FILENO,
                       .stop_fd = stop_signals.get(),
                       .workers = config.workers,
                       .aside_limit = kAsideLimit,
                       .body_limit_bytes = http::kOperation.body_limit_bytes,
                       .idle_exit = std::chrono::seconds{config.idle_exit_s}},
                      handler);
  boundary.on_wait([&server] { server.step_aside(); });
  log.message(LogLevel::kDebug, "serving");
  if (server.run() == fcgi::Server::Outcome::kStuck) {
    log.message(LogLevel::kError, "a request did not end in time; leaving without it");
    ::_exit(EX_SOFTWARE);
  }
  log_summary(boundary.keys(), log);
  log.message(LogLevel::kDebug, "stopped");
  return EX_OK;
}

// Of a process that has no configuration: operators see that it is started again and again.
void count_refused_start() {
  if (!fcgi::is_listening_socket(STDIN_FILENO)) return;
  auto file = open_counters(metrics_dir(process_environment), http::kOperation.id);
  if (file) Metrics(std::move(*file));
}

int run_configured(const Config& config, Handler handler, Needs needs) {
  const SystemClock clock;
  const Log log(config.log_level, std::string(http::kOperation.id), clock);
  try {
    // Before anything that may refuse to go on, because it counts the start.
    Metrics metrics(open_counters_or_none(config, log));
    Catalog catalog;
    if (needs == Needs::kCatalog) {
      auto loaded = load_catalog(config.catalog_file);
      if (!loaded) return refuse({.variable = "CATALOG_FILE", .message = loaded.error()});
      catalog = std::move(*loaded);
    }
    const auto store = open_store(config, clock);
    if (!store) return refuse(store.error());
    Boundary boundary(http::kOperation, handler, config, **store, catalog, clock, log, metrics);
    return serve(config, boundary, log);
  } catch (const std::exception& error) {
    log.message(LogLevel::kError, error.what());
    return EX_SOFTWARE;
  }
}

}  // namespace

int run(Handler handler, Needs needs) {
  open_standard_descriptors();
  keep_memory_private();
  const auto config = load_config(process_environment);
  if (!config) {
    count_refused_start();
    return refuse(config.error());
  }
  return run_configured(*config, handler, needs);
}

}  // namespace registry
