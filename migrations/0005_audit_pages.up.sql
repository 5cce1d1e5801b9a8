-- migrate:no-transaction
-- The orders in which audit_log is read: by id, behind what a page asks for by equality. Each set of
-- filters has one index, whose order is no other's: the id is an expression there, and the statement of
-- a page has the same one. Else the planner, which knows nothing of the ids that a page may be among,
-- would take one entry of a tenant to be as likely as one of an actor of that tenant, and walk all of
-- either; or the primary key, for a value that it takes for a frequent one.
--
--   id + 0   behind one column
--   id * 1   behind the product and another column
--   id - 0   behind two of tenant, actor and action, with the product or without: it comes behind the
--            id, so that the index tells which entries are of another one. Of an actor and an action,
--            which have no limit but that of the index, as much of it as leaves room for two texts of
--            255 characters
--   id / 1   behind tenant, actor and action
--
-- The last three indexes tell of a block of ids, of a stretch of it, and of a part of that, which times
-- it holds: where a page asks for times, that bounds its ids.
--
-- Without a transaction, so that nobody's INSERT waits for them. What an earlier attempt has left
-- behind, which may be invalid, goes first; there usually is none, which is no news.

SET client_min_messages = warning;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_page_idx ON audit_log (tenant_id, (id + 0))
  WHERE tenant_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_page_idx;
CREATE INDEX CONCURRENTLY audit_log_actor_page_idx ON audit_log (actor_id, (id + 0))
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_action_page_idx;
CREATE INDEX CONCURRENTLY audit_log_action_page_idx ON audit_log (action, (id + 0));
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_page_idx;
CREATE INDEX CONCURRENTLY audit_log_product_page_idx ON audit_log (product, (id + 0))
  WHERE product IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_product_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_product_page_idx
  ON audit_log (tenant_id, product, (id * 1))
  WHERE product IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_actor_page_idx;
CREATE INDEX CONCURRENTLY audit_log_product_actor_page_idx
  ON audit_log (product, actor_id, (id * 1))
  WHERE product IS NOT NULL AND actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_action_page_idx;
CREATE INDEX CONCURRENTLY audit_log_product_action_page_idx ON audit_log (product, action, (id * 1))
  WHERE product IS NOT NULL;
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
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_action_page_idx;
CREATE INDEX CONCURRENTLY audit_log_tenant_actor_action_page_idx
  ON audit_log (tenant_id, actor_id, action, (id / 1))
  WHERE actor_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_block_idx;
CREATE INDEX CONCURRENTLY audit_log_block_idx ON audit_log ((id >> 19), created_at);
DROP INDEX CONCURRENTLY IF EXISTS audit_log_stretch_idx;
CREATE INDEX CONCURRENTLY audit_log_stretch_idx ON audit_log ((id >> 15), created_at);
DROP INDEX CONCURRENTLY IF EXISTS audit_log_part_idx;
CREATE INDEX CONCURRENTLY audit_log_part_idx ON audit_log ((id >> 11), created_at);
RESET client_min_messages;
