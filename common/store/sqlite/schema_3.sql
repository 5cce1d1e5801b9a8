-- Version 3 of the embedded store: keys that make it safe to send a request again, and the orders in
-- which the trail is read. An index goes on with the id of the row.

CREATE TABLE idempotency_keys (
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  ids TEXT NOT NULL CHECK (json_valid(ids)),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

CREATE INDEX audit_log_tenant_page_idx ON audit_log (tenant_id);
CREATE INDEX audit_log_product_page_idx ON audit_log (product) WHERE product IS NOT NULL;
CREATE INDEX audit_log_actor_page_idx ON audit_log (actor_id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_tenant_product_page_idx ON audit_log (tenant_id, product)
  WHERE product IS NOT NULL;
CREATE INDEX audit_log_tenant_actor_page_idx ON audit_log (tenant_id, actor_id)
  WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_tenant_action_page_idx ON audit_log (tenant_id, action);
CREATE INDEX audit_log_product_actor_page_idx ON audit_log (product, actor_id)
  WHERE product IS NOT NULL AND actor_id IS NOT NULL;
CREATE INDEX audit_log_product_action_page_idx ON audit_log (product, action)
  WHERE product IS NOT NULL;
CREATE INDEX audit_log_actor_action_page_idx ON audit_log (actor_id, action)
  WHERE actor_id IS NOT NULL;

PRAGMA user_version = 3;
