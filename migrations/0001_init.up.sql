-- The registry's tables. Names, types, defaults, constraints and indexes are a contract: databases
-- that already have them are taken over. Constraints without a name here keep the one that Postgres
-- gives them, which the store tells errors by.

CREATE TYPE tenant_status AS ENUM ('demo', 'trial', 'active', 'frozen', 'archived');
CREATE TYPE tenant_kind AS ENUM ('customer', 'demo');
CREATE TYPE idp_kind AS ENUM ('oidc', 'saml');
CREATE TYPE tenant_project_status AS ENUM ('active', 'archived');

-- In a trigger, so that no code path can forget.
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at = NOW();
  RETURN NEW;
END;
$$;

CREATE TABLE tenants (
  id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  slug            TEXT UNIQUE NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'),
  name            TEXT NOT NULL,
  status          tenant_status NOT NULL DEFAULT 'trial',
  kind            tenant_kind NOT NULL DEFAULT 'customer',
  plan            TEXT NOT NULL DEFAULT 'starter',
  erp_customer_id TEXT UNIQUE,
  stripe_cust_id  TEXT UNIQUE,
  trial_ends_at   TIMESTAMPTZ,
  contract_start  DATE,
  contract_end    DATE,
  sales_owner     TEXT,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  updated_at      TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX tenants_status_idx ON tenants (status);
CREATE INDEX tenants_kind_idx ON tenants (kind);
CREATE INDEX tenants_trial_ends_idx ON tenants (trial_ends_at) WHERE trial_ends_at IS NOT NULL;

CREATE TRIGGER tenants_touch_updated_at BEFORE UPDATE ON tenants
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE tenant_projects (
  id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id  UUID NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  slug       TEXT NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'),
  status     tenant_project_status NOT NULL DEFAULT 'active',
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  UNIQUE (tenant_id, slug)
);

CREATE INDEX tenant_projects_tenant_idx ON tenant_projects (tenant_id);

CREATE TRIGGER tenant_projects_touch_updated_at BEFORE UPDATE ON tenant_projects
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE tenant_products (
  tenant_id  UUID NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
  product    TEXT NOT NULL,
  enabled    BOOLEAN NOT NULL DEFAULT TRUE,
  config     JSONB NOT NULL DEFAULT '{}',
  expires_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  PRIMARY KEY (tenant_id, product)
);

CREATE INDEX tenant_products_product_idx ON tenant_products (product) WHERE enabled = TRUE;

CREATE TRIGGER tenant_products_touch_updated_at BEFORE UPDATE ON tenant_products
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE tenant_idp_config (
  id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id  UUID NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
  type       idp_kind NOT NULL,
  metadata   JSONB NOT NULL DEFAULT '{}',
  verified   BOOLEAN NOT NULL DEFAULT FALSE,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  UNIQUE (tenant_id, type)
);

CREATE INDEX tenant_idp_config_tenant_idx ON tenant_idp_config (tenant_id);

CREATE TRIGGER tenant_idp_config_touch_updated_at BEFORE UPDATE ON tenant_idp_config
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE api_keys (
  id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id    UUID NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
  product      TEXT,  -- null: all products
  name         TEXT NOT NULL,
  scopes       TEXT[] NOT NULL DEFAULT '{}',
  hash         TEXT NOT NULL,
  prefix       TEXT NOT NULL,
  created_by   TEXT,
  last_used_at TIMESTAMPTZ,
  revoked_at   TIMESTAMPTZ,
  created_at   TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  UNIQUE (tenant_id, name)
);

CREATE INDEX api_keys_tenant_idx ON api_keys (tenant_id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_prefix_idx ON api_keys (prefix);

CREATE TABLE audit_log (
  id          BIGSERIAL PRIMARY KEY,
  tenant_id   UUID REFERENCES tenants(id) ON DELETE SET NULL,
  project_id  UUID REFERENCES tenant_projects(id) ON DELETE SET NULL,
  actor_id    TEXT,
  actor_name  TEXT,
  actor_type  TEXT,  -- user, service, system
  action      TEXT NOT NULL,
  target_id   TEXT,
  target_type TEXT,
  target_name TEXT,
  product     TEXT,  -- null: the portal or the registry
  metadata    JSONB NOT NULL DEFAULT '{}',
  source_ip   INET,
  user_agent  TEXT,
  created_at  TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX audit_log_tenant_idx ON audit_log (tenant_id, created_at DESC);
CREATE INDEX audit_log_product_idx ON audit_log (product, created_at DESC)
  WHERE product IS NOT NULL;
CREATE INDEX audit_log_actor_idx ON audit_log (actor_id, created_at DESC)
  WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_action_idx ON audit_log (action);
CREATE INDEX audit_log_tenant_action_idx ON audit_log (tenant_id, action, created_at DESC);
