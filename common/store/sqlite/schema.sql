-- Version 1 of the embedded store: the six tables of the registry with the rules that they have in
-- Postgres. What Postgres says by type is said here by CHECK: enumerations, identifiers, JSON,
-- dates, and moments, which are text in UTC with microseconds so that their order is the order of
-- time. Ids come from the program. Later versions are further scripts; this one stays as it is.

CREATE TABLE tenants (
  id TEXT NOT NULL PRIMARY KEY
    CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
  -- ^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$; also in bytes, because length() of text stops at U+0000.
  slug TEXT NOT NULL UNIQUE
    CHECK (length(slug) BETWEEN 3 AND 40 AND length(CAST(slug AS BLOB)) = length(slug)
           AND slug NOT GLOB '*[^a-z0-9-]*' AND slug NOT GLOB '-*' AND slug NOT GLOB '*-'),
  name TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'trial'
    CHECK (status IN ('demo', 'trial', 'active', 'frozen', 'archived')),
  kind TEXT NOT NULL DEFAULT 'customer' CHECK (kind IN ('customer', 'demo')),
  plan TEXT NOT NULL DEFAULT 'starter',
  erp_customer_id TEXT UNIQUE,
  stripe_cust_id TEXT UNIQUE,
  trial_ends_at TEXT CHECK (trial_ends_at GLOB '????-??-??T??:??:??.??????Z'),
  -- A day that exists plus nothing is itself; IS, because a result of NULL would satisfy a CHECK.
  contract_start TEXT CHECK (contract_start IS date(contract_start, '+0 days')),
  contract_end TEXT CHECK (contract_end IS date(contract_end, '+0 days')),
  sales_owner TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

CREATE INDEX tenants_status_idx ON tenants (status);
CREATE INDEX tenants_kind_idx ON tenants (kind);
CREATE INDEX tenants_trial_ends_idx ON tenants (trial_ends_at) WHERE trial_ends_at IS NOT NULL;

CREATE TABLE tenant_projects (
  id TEXT NOT NULL PRIMARY KEY
    CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  -- ^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$
  slug TEXT NOT NULL
    CHECK (length(slug) BETWEEN 2 AND 40 AND length(CAST(slug AS BLOB)) = length(slug)
           AND slug NOT GLOB '*[^a-z0-9-]*' AND slug NOT GLOB '-*' AND slug NOT GLOB '*-'),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????Z'),
  UNIQUE (tenant_id, slug)
) STRICT;

CREATE INDEX tenant_projects_tenant_idx ON tenant_projects (tenant_id);

-- Stored in the order of its key: a tenant's products lie side by side, sorted.
CREATE TABLE tenant_products (
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  product TEXT NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  config TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(config)),
  expires_at TEXT CHECK (expires_at GLOB '????-??-??T??:??:??.??????Z'),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????Z'),
  PRIMARY KEY (tenant_id, product)
) STRICT, WITHOUT ROWID;

CREATE INDEX tenant_products_product_idx ON tenant_products (product) WHERE enabled = 1;

CREATE TABLE tenant_idp_config (
  id TEXT NOT NULL PRIMARY KEY
    CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  type TEXT NOT NULL CHECK (type IN ('oidc', 'saml')),
  metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
  verified INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????Z'),
  UNIQUE (tenant_id, type)
) STRICT;

CREATE INDEX tenant_idp_config_tenant_idx ON tenant_idp_config (tenant_id);

CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY
    CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  product TEXT,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(scopes) AND json_type(scopes) = 'array'),
  hash TEXT NOT NULL,
  prefix TEXT NOT NULL,
  created_by TEXT,
  last_used_at TEXT CHECK (last_used_at GLOB '????-??-??T??:??:??.??????Z'),
  revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??.??????Z'),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
  UNIQUE (tenant_id, name)
) STRICT;

CREATE INDEX api_keys_tenant_idx ON api_keys (tenant_id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_prefix_idx ON api_keys (prefix);

-- AUTOINCREMENT: the id of an entry is never given out again.
CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT REFERENCES tenants (id) ON DELETE SET NULL,
  project_id TEXT REFERENCES tenant_projects (id) ON DELETE SET NULL,
  actor_id TEXT,
  actor_name TEXT,
  actor_type TEXT,
  action TEXT NOT NULL,
  target_id TEXT,
  target_type TEXT,
  target_name TEXT,
  product TEXT,
  metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
  source_ip TEXT,
  user_agent TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
    CHECK (created_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

CREATE INDEX audit_log_tenant_idx ON audit_log (tenant_id, created_at DESC);
CREATE INDEX audit_log_product_idx ON audit_log (product, created_at DESC)
  WHERE product IS NOT NULL;
CREATE INDEX audit_log_actor_idx ON audit_log (actor_id, created_at DESC)
  WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_action_idx ON audit_log (action);
CREATE INDEX audit_log_tenant_action_idx ON audit_log (tenant_id, action, created_at DESC);

-- updated_at moves with every UPDATE, so that no code path can forget it. The program's own writes
-- set it from the program's clock; an UPDATE that left it alone gets SQLite's clock, which has
-- milliseconds. The condition also ends the recursion where recursive_triggers is on.

CREATE TRIGGER tenants_touch_updated_at AFTER UPDATE ON tenants
FOR EACH ROW WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE tenants SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER tenant_projects_touch_updated_at AFTER UPDATE ON tenant_projects
FOR EACH ROW WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE tenant_projects SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
  WHERE id = NEW.id;
END;

CREATE TRIGGER tenant_products_touch_updated_at AFTER UPDATE ON tenant_products
FOR EACH ROW WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE tenant_products SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
  WHERE tenant_id = NEW.tenant_id AND product = NEW.product;
END;

CREATE TRIGGER tenant_idp_config_touch_updated_at AFTER UPDATE ON tenant_idp_config
FOR EACH ROW WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE tenant_idp_config SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
  WHERE id = NEW.id;
END;

PRAGMA user_version = 1;
