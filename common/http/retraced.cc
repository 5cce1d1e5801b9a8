#include "common/http/retraced.h"

#include <optional>
#include <string>
#include <string_view>

#include "common/http/json.h"

namespace registry::http {
namespace {

using Text = std::optional<std::string>;

void write(JsonWriter& json, std::string_view name, const Text& text) {
  if (text) json.member(name, *text);
}

// A member of the stored rest, as it was received; nothing where it was not.
void write_stored(JsonWriter& json, std::string_view name, const JsonValue& rest) {
  const auto value = rest.type() == JsonType::kObject ? rest.member(name) : std::nullopt;
  if (!value) return;
  switch (value->type()) {
    case JsonType::kString:
      json.member(name, value->text());
      return;
    case JsonType::kBool:
      json.member(name, value->flag());
      return;
    case JsonType::kObject:
    case JsonType::kArray:
      json.key(name).raw(value->raw());
      return;
    case JsonType::kNull:
    case JsonType::kNumber:
      return;  // no member of an event is one
  }
}

// An actor or a target: columns, and what the rest holds under the same name.
template <class WriteColumns>
void write_party(JsonWriter& json, std::string_view name, bool has_columns, const JsonValue& rest,
                 const WriteColumns& write_columns) {
  const auto stored = rest.member(name);
  if (!has_columns && !stored) return;
  json.key(name).begin_object();
  write_columns();
  if (stored) {
    write_stored(json, "href", *stored);
    write_stored(json, "fields", *stored);
  }
  json.end_object();
}

void write_parties(JsonWriter& json, const NewAuditEvent& event, const JsonValue& rest) {
  write_party(json, "actor", event.actor_id || event.actor_name, rest, [&] {
    write(json, "id", event.actor_id);
    write(json, "name", event.actor_name);
  });
  const bool has_target = event.target_id || event.target_name || event.target_type;
  write_party(json, "target", has_target, rest, [&] {
    write(json, "id", event.target_id);
    write(json, "name", event.target_name);
    write(json, "type", event.target_type);
  });
}

}  // namespace

void write_retraced_event(JsonWriter& json, std::string_view member, const AuditEvent& entry) {
  const std::string_view text = entry.retraced_json ? std::string_view(*entry.retraced_json) : "";
  const auto document = JsonDocument::parse(text);
  if (!document || document->root().type() != JsonType::kObject) return;
  const JsonValue rest = document->root();
  const auto hash = rest.member("hash");
  if (!hash || hash->type() != JsonType::kString) return;
  const NewAuditEvent& event = entry.event;
  json.key(member).begin_object().member("action", event.action);
  write_stored(json, "crud", rest);
  write_stored(json, "group", rest);
  write_parties(json, event, rest);
  for (const char* name :
       {"created", "source_ip", "description", "is_failure", "is_anonymous", "fields"}) {
    write_stored(json, name, rest);
  }
  // A null there: the column has what the event came without.
  if (!rest.member("component")) write(json, "component", event.product);
  write_stored(json, "version", rest);
  write_stored(json, "external_id", rest);
  if (event.metadata_json != "{}") {
    json.key("metadata").raw(event.metadata_json);
  } else {
    write_stored(json, "metadata", rest);
  }
  write_stored(json, "hash", rest);
  json.end_object();
}

}  // namespace registry::http
