#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/domain/uuid.h"

namespace registry {

// What happened, as a producer reports it.
struct NewAuditEvent {
  std::optional<Uuid> tenant_id;
  std::optional<Uuid> project_id;
  std::optional<std::string> actor_id;
  std::optional<std::string> actor_name;
  std::optional<std::string> actor_type;
  std::string action;
  std::optional<std::string> target_id;
  std::optional<std::string> target_type;
  std::optional<std::string> target_name;
  std::optional<std::string> product;  // absent: the portal or the registry itself
  std::string metadata_json = "{}";    // an object
  std::optional<std::string> source_ip;
  std::optional<std::string> user_agent;
};

// One entry of the audit trail. Ids grow with the order in which entries were made.
struct AuditEvent {
  std::int64_t id = 0;
  Timestamp created_at;  // the server's time of receipt
  NewAuditEvent event;
};

}  // namespace registry
