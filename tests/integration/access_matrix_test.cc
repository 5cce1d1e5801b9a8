#include <map>
#include <set>
#include <sstream>

#include "tests/integration/guarded_service.h"

// Who may do what: each operation, for each kind of caller, about a tenant of theirs, one of
// others, one that does not exist, and none at all. What is expected follows from openapi.yaml.
namespace registry::test {
namespace {

// A caller of the matrix. The values are what `security` may name, in the words of routes.py, and
// who has no right anywhere.
enum class Who {
  kNobody,
  kStranger,  // a valid token without a role or an organisation
  kMember,
  kManager,
  kManagerOfNothing,  // the role without an organisation
  kService,
  kAdministrator,
  kKey,              // with the scope that the operation asks for
  kKeyWithoutScope,  // with another one
};

enum class About { kOwn, kForeign, kMissing, kNone };

struct OperationRights {
  std::string id;
  std::set<std::string> callers;
  std::string api_key_scope;
};

std::vector<OperationRights> documented_rights() {
  constexpr std::string_view kKey = "api_key:";
  std::vector<OperationRights> all;
  const Output output = run_program({.arguments = {source_folder() + "/deploy/routes.py", "rights",
                                                   source_folder() + "/openapi.yaml"}});
  REQUIRE(output.exit_code == 0);
  std::istringstream lines(output.output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    OperationRights rights;
    words >> rights.id;
    for (std::string word; words >> word;) {
      if (word.starts_with(kKey)) {
        rights.api_key_scope = word.substr(kKey.size());
      } else {
        rights.callers.insert(word);
      }
    }
    all.push_back(std::move(rights));
  }
  return all;
}

// What one row of the matrix is about: tenants that no other row touches.
struct Subject {
  std::string id;
  std::string slug;
  std::string key_id;  // of a key of its own
};

HttpRequest post_of(const std::string& path, const Json& body) {
  return {.method = "POST", .path = path, .body = body.dump()};
}

// A call of an operation about a subject, or about none; nothing where there is no such call.
using MakeCall = std::optional<HttpRequest> (*)(const Subject* about);

std::optional<HttpRequest> get_about(const std::string& path, const Subject* about) {
  if (about == nullptr) return HttpRequest{.path = path};
  return HttpRequest{.path = path + "?tenant_id=" + about->id};
}

std::optional<HttpRequest> post_about(const std::string& path, Json body, const Subject* about) {
  if (about == nullptr) return std::nullopt;
  body["tenant_id"] = about->id;
  return post_of(path, body);
}

std::optional<HttpRequest> post_to(const Subject* about, const std::string& step) {
  if (about == nullptr) return std::nullopt;
  return HttpRequest{.method = "POST", .path = "/v1/tenants/" + about->id + "/" + step};
}

// A call that nothing but the caller's rights decides.
struct Probe {
  MakeCall call;
  int success = 200;
};

Json retraced_event(const Subject* about) {
  Json event = {{"action", "matrix"}, {"crud", "c"}};
  if (about != nullptr) event["group"] = {{"id", about->id}};
  return event;
}

const std::map<std::string, Probe>& probes() {
  static const std::map<std::string, Probe> kProbes = {
      {"health_live", {[](const Subject*) { return get_about("/healthz", nullptr); }}},
      {"health_ready", {[](const Subject*) { return get_about("/readyz", nullptr); }}},
      {"metrics_get", {[](const Subject*) { return get_about("/metrics", nullptr); }}},
      {"tenant_create",
       {[](const Subject* about) -> std::optional<HttpRequest> {
          if (about != nullptr) return std::nullopt;
          return post_of("/v1/tenants", {{"slug", unique_name("matrix")}, {"name", "Matrix"}});
        },
        201}},
      {"tenant_get", {[](const Subject* about) -> std::optional<HttpRequest> {
         if (about == nullptr) return std::nullopt;
         return HttpRequest{.path = "/v1/tenants/" + about->id};
       }}},
      {"tenant_get_by_slug", {[](const Subject* about) -> std::optional<HttpRequest> {
         if (about == nullptr) return std::nullopt;
         return HttpRequest{.path = "/v1/tenants/by-slug/" + about->slug};
       }}},
      {"tenant_activate", {[](const Subject* about) { return post_to(about, "activate"); }}},
      {"tenant_cancel", {[](const Subject* about) { return post_to(about, "cancel"); }}},
      {"entitlement_list", {[](const Subject* about) -> std::optional<HttpRequest> {
         if (about == nullptr) return std::nullopt;
         return get_about("/v1/entitlements", about);
       }}},
      {"catalog_list", {[](const Subject* about) { return get_about("/v1/catalog", about); }}},
      {"catalog_request",
       {[](const Subject* about) {
          return post_about("/v1/catalog/request", {{"product", "certifai"}}, about);
        },
        202}},
      {"catalog_trial_request",
       {[](const Subject* about) {
          return post_about("/v1/catalog/trial-request", {{"product", "certifai"}}, about);
        },
        201}},
      {"api_key_create",
       {[](const Subject* about) {
          return post_about("/v1/api-keys", {{"name", "Matrix"}}, about);
        },
        201}},
      {"api_key_list", {[](const Subject* about) -> std::optional<HttpRequest> {
         if (about == nullptr) return std::nullopt;
         return get_about("/v1/api-keys", about);
       }}},
      {"api_key_revoke",
       {[](const Subject* about) -> std::optional<HttpRequest> {
          if (about == nullptr) return std::nullopt;
          return HttpRequest{.method = "DELETE", .path = "/v1/api-keys/" + about->key_id};
        },
        204}},
      {"api_key_verify", {[](const Subject* about) -> std::optional<HttpRequest> {
         if (about != nullptr) return std::nullopt;
         return post_of("/v1/internal/api-keys/verify", {{"key", "bp_AAAAAAAAAAAAAAAAAAAAAA"}});
       }}},
      {"audit_append",
       {[](const Subject* about) -> std::optional<HttpRequest> {
          const Json event = {{"action", "matrix"}};
          if (about == nullptr) return post_of("/v1/audit", event);
          return post_about("/v1/audit", event, about);
        },
        201}},
      {"audit_list", {[](const Subject* about) { return get_about("/v1/audit", about); }}},
      {"audit_publish",
       {[](const Subject* about) -> std::optional<HttpRequest> {
          return post_of("/publisher/v1/project/default/event", retraced_event(about));
        },
        201}},
      {"audit_publish_bulk",
       {[](const Subject* about) -> std::optional<HttpRequest> {
          return post_of("/auditlog/publisher/v1/project/default/event/bulk",
                         {{"events", Json::array({retraced_event(about)})}});
        },
        201}},
  };
  return kProbes;
}

bool is_key(Who who) {
  return who == Who::kKey || who == Who::kKeyWithoutScope;
}

bool is_bound_to_tenants(Who who) {
  return who == Who::kMember || who == Who::kManager || is_key(who);
}

bool has_right(const OperationRights& rights, Who who) {
  switch (who) {
    case Who::kMember:
      return rights.callers.contains("member");
    case Who::kManager:  // who is a member, too
      return rights.callers.contains("manager") || rights.callers.contains("member");
    case Who::kService:
      return rights.callers.contains("service");
    case Who::kAdministrator:
      return rights.callers.contains("administrator");
    case Who::kKey:
      return !rights.api_key_scope.empty();
    case Who::kNobody:
    case Who::kStranger:
    case Who::kManagerOfNothing:
    case Who::kKeyWithoutScope:
      return false;
  }
  return false;
}

// What a cell's call is to be answered with.
int expected_status(const OperationRights& rights, Who who, About about) {
  const int success = probes().at(rights.id).success;
  if (rights.callers.contains("everybody")) return success;
  if (who == Who::kNobody || (is_key(who) && rights.api_key_scope.empty())) return 401;
  if (!has_right(rights, who)) return 403;
  if (about == About::kNone) {
    // The whole trail is nobody's but the platform's.
    return rights.id == "audit_list" && is_bound_to_tenants(who) ? 403 : success;
  }
  const bool is_hidden = about == About::kForeign && is_bound_to_tenants(who);
  if (about != About::kMissing && !is_hidden) return success;
  // Which names the member.
  if (rights.id == "audit_append" || rights.id.starts_with("audit_publish")) return 400;
  // The trail outlives its tenants.
  if (rights.id == "audit_list" && !is_bound_to_tenants(who)) return success;
  return 404;
}

class MatrixRow {
 public:
  MatrixRow(const OperationRights& rights, Who who)
      : rights_(rights), who_(who), own_(make_subject()), foreign_(make_subject()) {
    missing_ = {.id = unique_uuid(), .slug = unique_name("missing"), .key_id = unique_uuid()};
    authorization_ = authorization();
  }

  void check(About about) {
    const auto request = probes().at(rights_.id).call(subject(about));
    if (!request) return;
    CAPTURE(rights_.id, static_cast<int>(who_), static_cast<int>(about), request->path);
    const bool is_refused = expected_status(rights_, who_, about) >= 400;
    const RowCounts before = rows();
    const HttpResponse response = shared_guarded_service().send_with(*request, authorization_);
    CAPTURE(response.body);
    REQUIRE(response.status == expected_status(rights_, who_, about));
    if (is_refused) REQUIRE(rows() == before);
    if (response.status == 401) require_challenge(response);
    answers_.insert_or_assign(about, response);
  }

  // To whom one of them is hidden, both look the same.
  void check_indistinguishable() const {
    if (!answers_.contains(About::kForeign)) return;
    if (expected_status(rights_, who_, About::kForeign) < 400) return;
    Json foreign = answers_.at(About::kForeign).json();
    Json missing = answers_.at(About::kMissing).json();
    foreign.erase("request_id");
    missing.erase("request_id");
    REQUIRE(foreign == missing);
    REQUIRE(answers_.at(About::kForeign).headers.size() ==
            answers_.at(About::kMissing).headers.size());
  }

 private:
  static RowCounts rows() { return guarded_database().row_counts(); }

  Subject make_subject() const {
    const Json tenant = make_guarded_tenant();
    Subject subject{.id = id_text(tenant), .slug = tenant.at("slug"), .key_id = {}};
    if (rights_.id == "api_key_revoke") {
      subject.key_id = make_guarded_key(tenant, Json::object()).at("id");
    }
    return subject;
  }

  const Subject* subject(About about) const {
    switch (about) {
      case About::kOwn:
        return &own_;
      case About::kForeign:
        return &foreign_;
      case About::kMissing:
        return &missing_;
      case About::kNone:
        break;
    }
    return nullptr;
  }

  std::string authorization() const {
    const Json organization = {{own_.slug, {{"id", own_.id}}}};
    const auto with = [](const Json& claims) {
      return "Bearer " + shared_guarded_service().issuer().token(claims);
    };
    const auto key_with = [&](const std::string& scope) {
      const Json key = make_guarded_key({{"id", own_.id}},
                                        {{"name", "Caller"}, {"scopes", Json::array({scope})}});
      return "Bearer " + key.at("key").get<std::string>();
    };
    switch (who_) {
      case Who::kNobody:
        return {};
      case Who::kStranger:
        return with(Json::object());
      case Who::kMember:
        return with(member_of(organization));
      case Who::kManager:
        return with(manager_of(organization));
      case Who::kManagerOfNothing:
        return with(manager_of(Json::array()));
      case Who::kService:
        return with(service_of("certifai"));
      case Who::kAdministrator:
        return with(administrator());
      case Who::kKey:
        return key_with(rights_.api_key_scope.empty() ? "audit:write" : rights_.api_key_scope);
      case Who::kKeyWithoutScope:
        return key_with("other:scope");
    }
    return {};
  }

  void require_challenge(const HttpResponse& response) const {
    require_problem(response, 401, "unauthenticated");
    const std::string challenge = response.header("www-authenticate").value();
    REQUIRE(challenge.starts_with("Bearer realm=\"tenant-registry\""));
    REQUIRE((challenge.find("error=\"invalid_token\"") != std::string::npos) ==
            !authorization_.empty());
  }

  OperationRights rights_;
  Who who_;
  Subject own_;
  Subject foreign_;
  Subject missing_;
  std::string authorization_;
  std::map<About, HttpResponse> answers_;
};

TEST_CASE("access: each operation lets in whom openapi.yaml names, to their own tenants alone") {
  const auto who = GENERATE(as<Who>(), Who::kNobody, Who::kStranger, Who::kMember, Who::kManager,
                            Who::kManagerOfNothing, Who::kService, Who::kAdministrator, Who::kKey,
                            Who::kKeyWithoutScope);
  const std::vector<OperationRights> all = documented_rights();
  REQUIRE(all.size() == operation_ids().size());
  for (const OperationRights& rights : all) {
    CAPTURE(rights.id);
    REQUIRE(probes().contains(rights.id));  // a new operation has a probe as well
    MatrixRow row(rights, who);
    for (const About about : {About::kOwn, About::kForeign, About::kMissing, About::kNone}) {
      row.check(about);
    }
    row.check_indistinguishable();
  }
}

}  // namespace
}  // namespace registry::test
