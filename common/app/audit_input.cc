#include "common/app/audit_input.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/json_writer.h"
#include "common/crypto/audit_hash.h"
#include "common/domain/rules.h"
#include "common/http/input.h"

namespace registry {
namespace {

using http::EmptyText;
using http::JsonDocument;
using http::JsonType;
using http::JsonValue;
using http::ObjectReader;

using Text = std::optional<std::string>;
using Object = std::optional<JsonValue>;

std::string_view view(const Text& text) {
  return text ? std::string_view(*text) : std::string_view();
}

constexpr std::array<std::string_view, 12> kRetracedMembers = {
    "crud",       "group",        "actor",  "target",    "created", "description",
    "is_failure", "is_anonymous", "fields", "component", "version", "external_id"};

bool is_in_retraced_form(const JsonValue& event) {
  const auto members = event.children();
  return std::any_of(members.begin(), members.end(), [](const JsonValue& member) {
    return std::find(kRetracedMembers.begin(), kRetracedMembers.end(), member.name()) !=
           kRetracedMembers.end();
  });
}

// What is read of one event, or what is wrong with it.
struct ReadEvent {
  AuditSubmission submission;
  std::vector<FieldError> errors;
};

// What is stored in one form, and hashed as it was received.
struct Address {
  std::string canonical;
  std::string received;
};
struct TenantId {
  Uuid id;
  std::string received;
};

Parsed<TenantId> parse_tenant_id(std::string_view text) {
  return parse_uuid(text).map(
      [&](const Uuid& id) { return TenantId{.id = id, .received = std::string(text)}; });
}

Parsed<Address> parse_address(std::string_view text) {
  std::string received(text);
  auto canonical = canonical_ip_address(received);
  if (!canonical) return tl::unexpected<std::string>("must be an IP address without a mask");
  return Address{.canonical = std::move(*canonical), .received = std::move(received)};
}

// The metadata of an event, without the name that is ours.
std::optional<JsonValue> read_metadata(ObjectReader& reader, std::optional<JsonValue> metadata) {
  if (!metadata || !metadata->member(kReservedMetadataKey)) return metadata;
  reader.reject("metadata", "must not have the member " + std::string(kReservedMetadataKey));
  return std::nullopt;
}

std::string raw_or_empty(const std::optional<JsonValue>& object) {
  return object ? std::string(object->raw()) : "{}";
}

// Our own form

ReadEvent read_own_event(const JsonValue& object, const std::string& place) {
  ObjectReader reader(object, place);
  const auto tenant = reader.optional("tenant_id", parse_tenant_id);
  const auto address = reader.optional("source_ip", parse_address);
  NewAuditEvent event{
      .tenant_id = tenant ? std::optional<Uuid>(tenant->id) : std::nullopt,
      .project_id = reader.optional("project_id", parse_uuid),
      .actor_id = reader.optional("actor_id", parse_text),
      .actor_name = reader.optional("actor_name", parse_text),
      .actor_type = reader.optional("actor_type", parse_text),
      .action = reader.required("action", parse_text).value_or(""),
      .target_id = reader.optional("target_id", parse_text),
      .target_type = reader.optional("target_type", parse_text),
      .target_name = reader.optional("target_name", parse_text),
      .product = reader.optional("product", parse_text),
      .metadata_json = raw_or_empty(read_metadata(reader, reader.optional_object("metadata"))),
      .source_ip = address ? Text(address->canonical) : Text(),
      .user_agent = reader.optional("user_agent", parse_text)};
  std::string tail = crypto::audit_hash_tail(
      {.action = event.action,
       .target_id = view(event.target_id),
       .actor_id = view(event.actor_id),
       .group_id = tenant ? std::string_view(tenant->received) : std::string_view(),
       .source_ip = address ? std::string_view(address->received) : std::string_view()});
  AuditSubmission submission{
      .event = std::move(event), .hash_tail = std::move(tail), .place = place};
  return {.submission = std::move(submission), .errors = reader.all_errors()};
}

// Retraced's form. Source: the types of the npm package @retracedhq/retraced 0.7.

struct RetracedEvent {
  Text action;
  Text crud;
  bool has_empty_group = false;
  Text group_id;
  Text group_name;
  bool has_empty_actor = false;
  Text actor_id;
  Text actor_name;
  Text actor_href;
  Object actor_fields;
  bool has_empty_target = false;
  Text target_id;
  Text target_name;
  Text target_type;
  Text target_href;
  Object target_fields;
  Text created;
  std::optional<Address> source_ip;
  Text description;
  std::optional<bool> is_failure;
  std::optional<bool> is_anonymous;
  Object fields;
  Text component;
  Text version;
  Text external_id;
  Object metadata;
};

// A moment, kept as it was written; nothing where a Go client has none to report.
Parsed<Text> parse_created(std::string_view text) {
  const auto moment = Timestamp::parse_rfc3339(text);
  if (!moment) return tl::unexpected<std::string>("must be a date and time of RFC 3339");
  if (utc_date(*moment).year == 1) return Text();
  return Text(std::string(text));
}

bool is_empty_object(const JsonValue& object, std::string_view name) {
  const auto member = object.member(name);
  return member && member->type() == JsonType::kObject && member->children().empty();
}

RetracedEvent read_retraced(const JsonValue& object, ObjectReader& reader) {
  RetracedEvent event;
  event.has_empty_group = is_empty_object(object, "group");
  event.has_empty_actor = is_empty_object(object, "actor");
  event.has_empty_target = is_empty_object(object, "target");
  event.action = reader.required("action", parse_text);
  event.crud = reader.optional("crud", parse_text);
  reader.inner("group", [&](ObjectReader& group) {
    event.group_id = group.optional("id", parse_text);
    event.group_name = group.optional("name", parse_text);
  });
  reader.inner("actor", [&](ObjectReader& actor) {
    event.actor_id = actor.optional("id", parse_text);
    event.actor_name = actor.optional("name", parse_text);
    event.actor_href = actor.optional("href", parse_long_text);
    event.actor_fields = actor.optional_text_map("fields");
  });
  reader.inner("target", [&](ObjectReader& target) {
    event.target_id = target.optional("id", parse_text);
    event.target_name = target.optional("name", parse_text);
    event.target_type = target.optional("type", parse_text);
    event.target_href = target.optional("href", parse_long_text);
    event.target_fields = target.optional_text_map("fields");
  });
  event.created = reader.optional("created", parse_created).value_or(Text());
  event.source_ip = reader.optional("source_ip", parse_address);
  event.description = reader.optional("description", parse_long_text);
  event.is_failure = reader.optional_bool("is_failure");
  event.is_anonymous = reader.optional_bool("is_anonymous");
  event.fields = reader.optional_text_map("fields");
  event.component = reader.optional("component", parse_text);
  event.version = reader.optional("version", parse_text);
  event.external_id = reader.optional("external_id", parse_text);
  event.metadata = read_metadata(reader, reader.optional_text_map("metadata"));
  return event;
}

std::optional<crypto::AuditHashMap> hash_map(const Object& object) {
  if (!object) return std::nullopt;
  crypto::AuditHashMap map;
  for (const JsonValue& member : object->children()) {
    map.push_back({.key = member.name(), .value = member.text()});
  }
  return map;
}

std::string hash_tail(const RetracedEvent& event) {
  return crypto::audit_hash_tail({.action = view(event.action),
                                  .target_id = view(event.target_id),
                                  .actor_id = view(event.actor_id),
                                  .group_id = view(event.group_id),
                                  .source_ip = event.source_ip
                                                   ? std::string_view(event.source_ip->received)
                                                   : std::string_view(),
                                  .is_failure = event.is_failure.value_or(false),
                                  .is_anonymous = event.is_anonymous.value_or(false),
                                  .fields = hash_map(event.fields),
                                  .external_id = view(event.external_id),
                                  .metadata = hash_map(event.metadata)});
}

void write(JsonWriter& json, std::string_view name, const Text& text) {
  if (text) json.member(name, *text);
}

void write(JsonWriter& json, std::string_view name, const Object& object) {
  if (object) json.key(name).raw(object->raw());
}

void write(JsonWriter& json, std::string_view name, const std::optional<bool>& flag) {
  if (flag) json.member(name, *flag);
}

// An object of two members: where it was received as an empty one, or with one of them.
template <class First, class Second>
void write_pair(JsonWriter& json, std::string_view name, bool is_empty, std::string_view first_name,
                const First& first, std::string_view second_name, const Second& second) {
  if (!first && !second && !is_empty) return;
  json.key(name).begin_object();
  write(json, first_name, first);
  write(json, second_name, second);
  json.end_object();
}

// What the columns do not hold. The group's id is there as well: the column names a tenant by its
// own id, and loses it with the tenant.
std::string rest_of(const RetracedEvent& event) {
  JsonWriter json;
  json.begin_object();
  write(json, "crud", event.crud);
  write_pair(json, "group", event.has_empty_group, "id", event.group_id, "name", event.group_name);
  write_pair(json, "actor", event.has_empty_actor, "href", event.actor_href, "fields",
             event.actor_fields);
  write_pair(json, "target", event.has_empty_target, "href", event.target_href, "fields",
             event.target_fields);
  write(json, "created", event.created);
  if (event.source_ip) json.member("source_ip", event.source_ip->received);
  write(json, "description", event.description);
  write(json, "is_failure", event.is_failure);
  write(json, "is_anonymous", event.is_anonymous);
  write(json, "fields", event.fields);
  write(json, "version", event.version);
  write(json, "external_id", event.external_id);
  // As a column, metadata that came empty is like metadata that did not come.
  if (event.metadata && event.metadata->children().empty()) write(json, "metadata", event.metadata);
  json.end_object();
  return json.str();
}

// A type that is empty, or too long for the column, stays in the fields alone.
Text actor_type(const RetracedEvent& event) {
  const auto type = event.actor_fields ? event.actor_fields->member("type") : std::nullopt;
  if (type && parse_text(type->text())) return std::string(type->text());
  if (event.is_anonymous.value_or(false)) return "anonymous";
  return std::nullopt;
}

// The tenant that a group's id stands for: its id, or its slug.
void set_tenant(AuditSubmission& submission, const Text& group_id, ObjectReader& reader) {
  if (!group_id) return;
  submission.event.tenant_id = Uuid::parse(*group_id);
  if (submission.event.tenant_id) return;
  const auto slug = Slug::parse(*group_id);
  if (slug) {
    submission.tenant_slug = *slug;
  } else {
    reader.reject("group.id", kNoSuchTenant);
  }
}

ReadEvent read_retraced_event(const JsonValue& object, const std::string& place) {
  ObjectReader reader(object, place, EmptyText::kIsAbsent);
  const RetracedEvent event = read_retraced(object, reader);
  AuditSubmission submission{
      .event = {.tenant_id = {},
                .project_id = {},
                .actor_id = event.actor_id,
                .actor_name = event.actor_name,
                .actor_type = actor_type(event),
                .action = event.action.value_or(""),
                .target_id = event.target_id,
                .target_type = event.target_type,
                .target_name = event.target_name,
                .product = event.component,
                .metadata_json = raw_or_empty(event.metadata),
                .source_ip = event.source_ip ? Text(event.source_ip->canonical) : Text(),
                .user_agent = {}},
      .hash_tail = hash_tail(event),
      .retraced_json = rest_of(event),
      .place = place};
  set_tenant(submission, event.group_id, reader);
  return {.submission = std::move(submission), .errors = reader.all_errors()};
}

ReadEvent read_event(const JsonValue& event, const std::string& place) {
  if (event.type() != JsonType::kObject) {
    const std::string field = place.substr(0, place.find('.'));
    return {.submission = {}, .errors = {{.field = field, .message = "must be an object"}}};
  }
  return is_in_retraced_form(event) ? read_retraced_event(event, place)
                                    : read_own_event(event, place);
}

// With the first of its errors, `error_limit` of them.
void add(AuditBatch& batch, ReadEvent read, std::size_t error_limit) {
  if (read.errors.empty()) {
    batch.submissions.push_back(std::move(read.submission));
    return;
  }
  read.errors.resize(std::min(read.errors.size(), error_limit));
  batch.errors.insert(batch.errors.end(), read.errors.begin(), read.errors.end());
}

using ReadOne = ReadEvent (*)(const JsonValue& event, const std::string& place);

// How many errors an answer names, of all events and of each.
struct ErrorLimits {
  std::size_t all = ObjectReader::kErrorLimit;
  std::size_t each = ObjectReader::kErrorLimit;
};

// So that every bad event of a request of Retraced's clients is named.
constexpr std::size_t kErrorsOfEach = 20;
constexpr ErrorLimits kRetracedErrors{.all = kRetracedBatchLimit * kErrorsOfEach,
                                      .each = kErrorsOfEach};

AuditBatch read_events(const std::vector<JsonValue>& events, ReadOne read_one,
                       const ErrorLimits& limits) {
  AuditBatch batch{.submissions = {}, .errors = {}, .is_array = true};
  for (std::size_t i = 0; i < events.size() && batch.errors.size() < limits.all; ++i) {
    const std::string place = "[" + std::to_string(i) + "].";
    add(batch, read_one(events[i], place), limits.each);
  }
  batch.errors.resize(std::min(batch.errors.size(), limits.all));
  return batch;
}

Result<AuditBatch> read_array(const JsonValue& array) {
  const auto events = array.children();
  if (events.empty() || events.size() > kAuditBatchLimit) {
    return fail(invalid_request("The array must have 1 to " + std::to_string(kAuditBatchLimit) +
                                " events."));
  }
  return read_events(events, read_event, {});
}

AuditBatch read_single(const JsonValue& event, ReadOne read_one) {
  AuditBatch batch;
  add(batch, read_one(event, {}), ObjectReader::kErrorLimit);
  return batch;
}

ReadEvent read_retraced_only(const JsonValue& event, const std::string& place) {
  return event.type() == JsonType::kObject ? read_retraced_event(event, place)
                                           : read_event(event, place);
}

void set_project(AuditBatch& batch, const std::string& project) {
  constexpr std::string_view kNone = "default";
  if (project == kNone) return;
  const auto id = Uuid::parse(project);
  for (AuditSubmission& submission : batch.submissions) {
    submission.event.project_id = id;
    if (!id) submission.project_slug = project;
  }
}

// What `read` makes of the object that the body is, in the project of the path.
template <class Read>
Result<AuditBatch> read_published(const http::Request& request, const Read& read) {
  const auto document = JsonDocument::parse(request.body);
  if (!document) return fail(invalid_request(http::malformed_detail(document.error())));
  if (document->root().type() != JsonType::kObject) {
    return fail(invalid_request("The body must be a JSON object."));
  }
  Result<AuditBatch> batch = read(document->root());
  if (batch) set_project(*batch, request.path_parameter("project_id"));
  return batch;
}

}  // namespace

Result<AuditBatch> read_audit_batch(const http::Request& request) {
  const auto document = JsonDocument::parse(request.body);
  if (!document) return fail(invalid_request(http::malformed_detail(document.error())));
  const JsonValue root = document->root();
  if (root.type() == JsonType::kArray) return read_array(root);
  if (root.type() != JsonType::kObject) {
    return fail(invalid_request("The body must be an event or an array of events."));
  }
  return read_single(root, read_event);
}

Result<AuditBatch> read_retraced_event(const http::Request& request) {
  return read_published(request, [](const JsonValue& root) -> Result<AuditBatch> {
    return read_single(root, read_retraced_only);
  });
}

Result<AuditBatch> read_retraced_events(const http::Request& request) {
  return read_published(request, [](const JsonValue& root) -> Result<AuditBatch> {
    const auto array = root.member("events");
    const bool is_array = array && array->type() == JsonType::kArray;
    const auto events = is_array ? array->children() : std::vector<JsonValue>();
    if (events.empty() || events.size() > kRetracedBatchLimit || root.children().size() != 1) {
      return fail(
          invalid_request("The body must be an object with the one member events, an array "
                          "of 1 to " +
                          std::to_string(kRetracedBatchLimit) + " events."));
    }
    return read_events(events, read_retraced_only, kRetracedErrors);
  });
}

}  // namespace registry
