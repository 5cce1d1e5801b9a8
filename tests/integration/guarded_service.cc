#include "tests/integration/guarded_service.h"

#include <chrono>
#include <filesystem>

namespace registry::test {
namespace {

constexpr const char* kIssuerUrl = "https://id.example/realms/registry";

std::int64_t seconds_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

}  // namespace

TokenIssuer::TokenIssuer() : url_(kIssuerUrl) {
  keys_.push_back(SigningKey::p256("first"));
}

void TokenIssuer::publish(const std::string& file) const {
  Json keys = Json::array();
  for (const SigningKey& key : keys_) keys.push_back(key.jwk());
  const Json set = {
      {"issuer", url_}, {"fetched_at", "2026-01-01T00:00:00.000000Z"}, {"keys", keys}};
  write_file(file + ".new", set.dump());
  std::filesystem::rename(file + ".new", file);
}

void TokenIssuer::rotate() {
  keys_.push_back(SigningKey::p256("key-" + std::to_string(keys_.size())));
}

Json TokenIssuer::claims(const Json& claims) const {
  Json all = {{"iss", url_},
              {"aud", {"tenant-registry", "account"}},
              {"sub", "3f6e2f0c-somebody"},
              {"typ", "Bearer"},
              {"azp", "portal"},
              {"iat", seconds_now()},
              {"exp", seconds_now() + 3'600}};
  all.update(claims);
  return all;
}

std::string TokenIssuer::token(const Json& claims) const {
  return keys_.back().token({{"alg", "ES256"}, {"typ", "JWT"}}, this->claims(claims));
}

std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token;
}

Json administrator() {
  return {{"realm_access", {{"roles", {"registry-admin", "offline_access"}}}}};
}

Json service_of(const std::string& product) {
  return {{"realm_access", {{"roles", {"registry-service"}}}}, {"azp", product}};
}

Json member_of(const Json& organization) {
  return {{"organization", organization}};
}

Json manager_of(const Json& organization) {
  return {{"organization", organization},
          {"resource_access", {{"tenant-registry", {{"roles", {"tenant-admin"}}}}}}};
}

GuardedService::GuardedService(const Environment& environment)
    : key_file_(folder_.path() + "/jwks.json"),
      service_([&] {
        issuer_.publish(key_file_);
        Environment all = {{"KEYCLOAK_ISSUER", issuer_.url()}, {"JWKS_FILE", key_file_}};
        all.insert(environment.begin(), environment.end());
        return all;
      }()),
      client_(service_.client()) {}

HttpResponse GuardedService::send(HttpRequest request, const Json& claims) {
  return send_with(std::move(request), "Bearer " + issuer_.token(claims));
}

HttpResponse GuardedService::send_with(HttpRequest request, const std::string& authorization) {
  if (!authorization.empty()) request.headers.push_back("Authorization: " + authorization);
  return client_.send(request);
}

HttpResponse GuardedService::post(const std::string& path, const Json& body, const Json& claims) {
  return send({.method = "POST", .path = path, .body = body.dump()}, claims);
}

GuardedService& shared_guarded_service() {
  static GuardedService service;
  return service;
}

Backend& guarded_database() {
  static const std::unique_ptr<Backend> kDatabase =
      attach_database(shared_guarded_service().service());
  return *kDatabase;
}

Json make_guarded_tenant() {
  const std::string slug = unique_name("guarded");
  const HttpResponse response = shared_guarded_service().post(
      "/v1/tenants", {{"slug", slug}, {"name", "Guarded " + slug}}, administrator());
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

Json make_guarded_key(const Json& tenant, const Json& attributes) {
  Json body = {{"tenant_id", tenant.at("id")}, {"name", unique_name("key")}};
  body.update(attributes);
  const HttpResponse response =
      shared_guarded_service().post("/v1/api-keys", body, administrator());
  CAPTURE(response.body);
  REQUIRE(response.status == 201);
  return response.json();
}

}  // namespace registry::test
