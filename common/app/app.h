#pragma once

#include <optional>
#include <string>

#include "common/app/audit_append.h"
#include "common/app/audit_bounds.h"
#include "common/app/audit_export.h"
#include "common/app/audit_input.h"
#include "common/app/key_verifier.h"
#include "common/app/metrics.h"
#include "common/base/config.h"
#include "common/base/result.h"
#include "common/domain/catalog.h"
#include "common/domain/tenant_scope.h"
#include "common/http/input.h"
#include "common/http/render.h"
#include "common/http/request.h"
#include "common/http/response.h"
#include "common/store/store.h"

// All that a function needs: its handler gets a Request and a Context and gives a Response or an
// Error; run() does the rest.
namespace registry {

using http::BodyReader;
using http::json_response;
using http::QueryReader;
using http::Request;
using http::Response;

class Gate;

// What a handler works with, besides the request.
struct Context {
  const Config& config;
  Store& store;
  const Catalog& catalog;  // empty unless the function asked for Needs::kCatalog
  KeyVerifier& keys;
  const TenantScope& tenants;                       // whose data the caller may touch
  const std::optional<std::string>& bound_product;  // the one that the caller's calls are about
  const ChangeOrigin& origin;  // who makes the change, for the store's audit entries
  Gate& gate;
  ExportPlaces& export_places;

  // Whoever calls, for what each of them has of its own: the subject of a token, or an API key.
  [[nodiscard]] std::string caller() const;
  // Whether requests can be served now. Errors: kUnavailable; the detail names what is wrong.
  [[nodiscard]] Result<Store::Health> readiness() const;
  // The catalog's product with this id; null if there is none.
  [[nodiscard]] const Product* product(const ProductId& id) const;
  // Whether a request that may be about all tenants is one of this caller's. Errors: kForbidden (it
  // names no tenant, and the caller is bound to some).
  [[nodiscard]] Status tenant_asked(const std::optional<Uuid>& tenant_id) const;
  // The product that a request is about: the one that it names or, if it names none, the one that
  // the caller is bound to. Errors: kForbidden (it names another one).
  [[nodiscard]] Result<std::optional<std::string>> product_asked(
      std::optional<std::string> product) const;
  [[nodiscard]] Result<std::optional<ProductId>> product_asked(
      const std::optional<ProductId>& product) const;
};

// Answers one request that resolve_path() and resolve_input() have accepted, of a caller who has a
// right to the operation. Called from several threads at once. An Error becomes
// application/problem+json; an exception 500, or 503 when it is StoreUnavailable.
using Handler = Result<Response> (*)(const Request& request, Context& context);

// What a function needs to be ready before its first request.
enum class Needs { kNothing, kCatalog };

// Serves the operation that this executable was built for until it is told to stop: FastCGI when
// descriptor 0 is a listening socket, one CGI request otherwise. Returns the exit code: 0, 78 for
// bad configuration (one line on standard error names the variable), 70 for a failure inside, 74
// when a CGI answer could not be written.
[[nodiscard]] int run(Handler handler, Needs needs = Needs::kNothing);

// The error for a product that is not the caller's.
[[nodiscard]] Error forbidden_product();

// The error for a product that the catalog does not have.
[[nodiscard]] Error product_not_found();

// For an answer whose form the request's Accept decides. Source: RFC 9110, section 12.5.5.
[[nodiscard]] Result<Response> with_vary(Result<Response> response);

// For an answer that holds a secret: no cache keeps it. Source: RFC 9111, section 5.2.2.5.
[[nodiscard]] Response with_no_store(Response response);

// A 200 with a strong ETag, or a 304 when the request's If-None-Match has it already.
[[nodiscard]] Response conditional_response(const Request& request, std::string body);

}  // namespace registry
