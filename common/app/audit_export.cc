#include "common/app/audit_export.h"

#include <stdexcept>
#include <string>
#include <utility>

namespace registry {
namespace {

using Moment = std::chrono::steady_clock::time_point;

// Small pages keep memory low; 500 entries are seldom that large.
constexpr int kPageEntries = kLargestAuditPage;
constexpr std::int64_t kPageBytes = 1 << 20;
// So much is handed over at once, about.
constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;

class Export {
 public:
  Export(AuditStore& store, TenantScope tenants, AuditQuery query, http::AuditFormat format)
      : store_(store), tenants_(std::move(tenants)), query_(std::move(query)), format_(format) {
    query_.limit = kPageEntries;
    query_.byte_limit = kPageBytes;
  }

  // Reads the first page.
  [[nodiscard]] Status begin() {
    auto page = store_.audit_events(tenants_, query_);
    if (!page) return fail(page.error());
    // What appears later is not part of it.
    if (!query_.newest_first) query_.last_id = page->decided_id;
    page_ = std::move(*page);
    return {};
  }

  // The next piece; an empty one at the end. Throws what the store throws, and std::runtime_error
  // when it has taken too long.
  [[nodiscard]] std::string next() {
    std::string piece = std::exchange(has_begun_, true) ? "" : http::audit_export_head(format_);
    while (piece.size() < kPieceBytes && has_entry()) {
      http::append_audit_entry(piece, format_, page_.events[at_++]);
    }
    return piece;
  }

 private:
  // Reads on where the page is at its end.
  [[nodiscard]] bool has_entry() {
    if (at_ < page_.events.size()) {
      check_time(page_start_, kExportPageLimit);
      return true;
    }
    if (!page_.next_cursor) return false;
    check_time(start_, kExportLimit);
    query_.cursor = page_.next_cursor;
    auto page = store_.audit_events(tenants_, query_);
    // The tenant was there, in scope, when it began.
    if (!page) throw std::runtime_error("export: " + page.error().detail);
    page_ = std::move(*page);
    at_ = 0;
    page_start_ = std::chrono::steady_clock::now();
    return !page_.events.empty();
  }

  static void check_time(Moment since, std::chrono::seconds limit) {
    if (std::chrono::steady_clock::now() - since <= limit) return;
    throw std::runtime_error("export: not taken within " + std::to_string(limit.count()) + " s");
  }

  AuditStore& store_;
  TenantScope tenants_;
  AuditQuery query_;
  http::AuditFormat format_;
  AuditPage page_;
  std::size_t at_ = 0;  // of the entry in the page that comes next
  bool has_begun_ = false;
  Moment start_ = std::chrono::steady_clock::now();
  Moment page_start_ = start_;
};

}  // namespace

std::shared_ptr<void> ExportPlaces::take(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(caller);
  const int own = found == taken_.end() ? 0 : found->second;
  if (own >= free_) return nullptr;
  ++taken_[caller];
  --free_;
  return {this, [caller](ExportPlaces* places) { places->give_back(caller); }};
}

void ExportPlaces::give_back(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  ++free_;
  const auto found = taken_.find(caller);
  if (--found->second == 0) taken_.erase(found);
}

Result<http::Response> audit_export(AuditStore& store, ExportPlaces& places,
                                    const std::string& caller, const TenantScope& tenants,
                                    AuditQuery query, http::AuditFormat format) {
  auto place = places.take(caller);
  if (!place) {
    return fail(unavailable("Too many exports run at the moment; try again.",
                            "an export was refused: too many run"));
  }
  const auto exported = std::make_shared<Export>(store, tenants, std::move(query), format);
  if (auto status = exported->begin(); !status) return fail(status.error());
  http::Response response;
  response.content_type = http::media_type(format);
  response.headers = {
      {.name = "Content-Disposition",
       .value = "attachment; filename=\"" + std::string(http::file_name(format)) + "\""}};
  response.more = [exported, place = std::move(place)]() -> std::optional<std::string> {
    return exported->next();
  };
  return response;
}

}  // namespace registry
