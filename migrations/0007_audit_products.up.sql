-- migrate:no-transaction
-- The entries of two of tenant, actor and action, where a page asks for a product as well: the index
-- tells which entries are of another one, without a look at each. Behind the id it keeps the order, and
-- finds the same pages for whoever asks for no product. The id is an expression of these three alone:
-- an index on the tenant, the actor and the action would else be taken for no better. Of the product
-- as much as leaves room for two texts of 255 characters.

SET client_min_messages = warning;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_product_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_actor_product_page_idx
  ON audit_log (tenant_id, actor_id, (id - 0), product)
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_action_product_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_action_product_page_idx
  ON audit_log (tenant_id, action, (id - 0), product)
  WHERE tenant_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_action_product_page_idx;
CREATE INDEX CONCURRENTLY audit_log_actor_action_product_page_idx
  ON audit_log (actor_id, action, (id - 0), "left"(product, 100))
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_action_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_action_page_idx;
RESET client_min_messages;
