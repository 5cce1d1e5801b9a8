-- What refers goes before what is referred to; indexes and triggers go with their tables.

DROP TABLE audit_log;
DROP TABLE api_keys;
DROP TABLE tenant_idp_config;
DROP TABLE tenant_products;
DROP TABLE tenant_projects;
DROP TABLE tenants;

DROP FUNCTION touch_updated_at();

DROP TYPE tenant_project_status;
DROP TYPE idp_kind;
DROP TYPE tenant_kind;
DROP TYPE tenant_status;
