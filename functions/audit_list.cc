#include "common/app/app.h"

namespace registry {
namespace {

// GET /v1/audit: a page of the audit trail, or all of what the query is about.
Result<Response> audit_list(const Request& request, Context& context) {
  QueryReader query(request);
  AuditQuery wanted{.tenant_id = query.optional("tenant_id", parse_uuid),
                    .product = query.optional("product", parse_text),
                    .actor_id = query.optional("actor_id", parse_text),
                    .action = query.optional("action", parse_text),
                    .since = query.optional("since", parse_moment),
                    .until = query.optional("until", parse_moment),
                    .cursor = query.optional("cursor", parse_audit_cursor),
                    .newest_first = query.optional("order", parse_audit_order).value_or(false)};
  const auto limit = query.optional("limit", parse_audit_limit);
  const auto format = http::accepted_audit_format(request.accept);
  if (format && limit) query.reject("limit", "is for pages; an export has all");
  if (auto valid = query.finish(); !valid) return fail(valid.error());
  wanted.limit = limit.value_or(kDefaultAuditPage);

  if (auto named = context.tenant_asked(wanted.tenant_id); !named) return fail(named.error());
  auto product = context.product_asked(wanted.product);
  if (!product) return fail(product.error());
  wanted.product = std::move(*product);

  if (format) {
    return with_vary(audit_export(context.store, context.export_places, context.caller(),
                                  context.tenants, wanted, *format));
  }
  const auto page = context.store.audit_events(context.tenants, wanted);
  if (!page) return fail(page.error());

  return with_vary(json_response(200, http::audit_page_json(*page)));
}

}  // namespace
}  // namespace registry

int main() {
  return registry::run(registry::audit_list);
}
