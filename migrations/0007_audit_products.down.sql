-- migrate:no-transaction
SET client_min_messages = warning;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_actor_page_idx ON audit_log (tenant_id, actor_id, (id + 0))
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_action_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_action_page_idx ON audit_log (tenant_id, action, (id + 0))
  WHERE tenant_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_action_page_idx;
CREATE INDEX CONCURRENTLY audit_log_actor_action_page_idx ON audit_log (actor_id, action, (id + 0))
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_action_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_action_product_page_idx;
RESET client_min_messages;
