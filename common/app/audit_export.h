#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/audit_event.h"
#include "common/domain/tenant_scope.h"
#include "common/http/audit_formats.h"
#include "common/http/request.h"
#include "common/http/response.h"
#include "common/store/store.h"

namespace registry {

// How many exports of one process may run at once; each holds a thread, and memory for a page.
inline constexpr int kExportsAtOnce = 8;
// How long one may take in all, and the client for what a page of it holds.
inline constexpr std::chrono::minutes kExportLimit{60};
inline constexpr std::chrono::seconds kExportPageLimit{60};

// The places of exports. Thread-safe; one for the process.
class ExportPlaces {
 public:
  // A place for `caller`, free again when nobody has it any longer; null where there is none.
  // Nobody gets more than half of what the others leave, so one caller alone never has all.
  [[nodiscard]] std::shared_ptr<void> take(const std::string& caller);

 private:
  void give_back(const std::string& caller);

  std::mutex mutex_;  // guards what follows
  int free_ = kExportsAtOnce;
  std::map<std::string, int> taken_;  // by whom
};

// The whole of a trail that a query is about, made page by page while it is sent, up to what is
// decided when it begins. The query's limits on a page are of no meaning. What goes wrong later
// than the first page breaks the body off. Errors: those of AuditStore::audit_events, and
// kUnavailable (no place for `caller`). `store` and `places` must outlive the response.
[[nodiscard]] Result<http::Response> audit_export(AuditStore& store, ExportPlaces& places,
                                                  const std::string& caller,
                                                  const TenantScope& tenants, AuditQuery query,
                                                  http::AuditFormat format);

}  // namespace registry
