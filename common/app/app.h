#pragma once

#include "common/base/config.h"
#include "common/base/result.h"
#include "common/domain/catalog.h"
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

// What a handler works with, besides the request.
struct Context {
  const Config& config;
  Store& store;
  const Catalog& catalog;  // empty unless the function asked for Needs::kCatalog
  ChangeOrigin origin;     // who makes the change, for the store's audit entries
};

// Answers one request that resolve() has accepted. Called from several threads at once. An Error
// becomes application/problem+json; an exception 500, or 503 when it is StoreUnavailable.
using Handler = Result<Response> (*)(const Request& request, Context& context);

// What a function needs to be ready before its first request.
enum class Needs { kNothing, kCatalog };

// Serves the operation that this executable was built for until it is told to stop: FastCGI when
// descriptor 0 is a listening socket, one CGI request otherwise. Returns the exit code: 0, 78 for
// bad configuration (one line on standard error names the variable), 70 for a failure inside, 74
// when a CGI answer could not be written.
[[nodiscard]] int run(Handler handler, Needs needs = Needs::kNothing);

// A 200 with a strong ETag, or a 304 when the request's If-None-Match has it already.
[[nodiscard]] Response conditional_response(const Request& request, std::string body);

}  // namespace registry
