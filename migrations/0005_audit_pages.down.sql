-- migrate:no-transaction
-- Pages of the trail are then looked for in what there is from 0001_init, and sorted.

DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_action_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_actor_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_product_action_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_action_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_action_product_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_tenant_actor_action_page_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_block_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_stretch_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_part_idx;
