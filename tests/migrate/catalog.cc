#include "tests/migrate/catalog.h"

namespace registry::test {
namespace {

// Postgres 18 lists NOT NULL as constraints and earlier ones do not, so columns alone tell of it.
constexpr const char* kCatalogQuery = R"sql(
WITH objects AS (
  SELECT c.oid, c.relname, c.relkind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), ours AS (
  SELECT * FROM objects
  WHERE relname !~ '^schema_migrations(_history)?(_pkey)?$'
), lines AS (
  SELECT 1 AS topic, nspname::text AS name, 0 AS place, 'schema ' || nspname AS line
  FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL
  SELECT 2, extname, 0, 'extension ' || extname FROM pg_extension
UNION ALL
  SELECT 3, t.typname, 0, 'enum ' || t.typname || ' ' || string_agg(
    e.enumlabel, ' ' ORDER BY e.enumsortorder)
  FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.oid, t.typname
UNION ALL
  SELECT 4, t.typname, 0, 'type ' || t.typname
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND (t.typtype IN ('d', 'r', 'm') OR t.typrelid IN (SELECT oid FROM ours WHERE relkind = 'c'))
UNION ALL
  SELECT 5, relname, 0, CASE relkind WHEN 'r' THEN 'table ' WHEN 'S' THEN 'sequence '
    ELSE 'relation of kind ' || relkind::text || ' ' END || relname
  FROM ours WHERE relkind NOT IN ('i', 'c')
UNION ALL
  SELECT 6, o.relname, a.attnum, 'column ' || o.relname || '.' || a.attname || ' '
    || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || replace(pg_get_expr(d.adbin, d.adrelid), 'ARRAY[]', '''{}'''), '')
    || CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' THEN ' GENERATED' ELSE '' END
  FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = o.oid AND d.adnum = a.attnum
  WHERE o.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
  SELECT 7, c.conname, 0, 'constraint ' || o.relname || '.' || c.conname || ' '
    || pg_get_constraintdef(c.oid)
  FROM ours o JOIN pg_constraint c ON c.conrelid = o.oid WHERE c.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
  SELECT 8, o.relname, 0, 'index ' || regexp_replace(pg_get_indexdef(o.oid), '^CREATE ', '')
  FROM ours o WHERE o.relkind = 'i'
UNION ALL
  SELECT 9, t.tgname, 0, 'trigger ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN ours o ON o.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
  SELECT 10, p.proname, 0, 'function ' || p.oid::regprocedure || ' returns ' || p.prorettype::regtype
    || ' in ' || l.lanname
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
  SELECT 11, 'policies', 0, 'policies, rules, publications or event triggers'
  WHERE EXISTS (SELECT FROM pg_policy) OR EXISTS (SELECT FROM pg_publication)
    OR EXISTS (SELECT FROM pg_event_trigger)
    OR EXISTS (SELECT FROM pg_rewrite r JOIN ours o ON o.oid = r.ev_class)
)
SELECT line FROM lines ORDER BY topic, name COLLATE "C", place, line COLLATE "C"
)sql";

constexpr const char* kObjects = R"(schema public
extension plpgsql
enum idp_kind oidc saml
enum tenant_kind customer demo
enum tenant_project_status active archived
enum tenant_status demo trial active frozen archived
table api_keys
table audit_log
sequence audit_log_id_seq
table idempotency_keys
table tenant_idp_config
table tenant_products
table tenant_projects
table tenants
)";

constexpr const char* kColumns = R"(column api_keys.id uuid NOT NULL DEFAULT gen_random_uuid()
column api_keys.tenant_id uuid NOT NULL
column api_keys.product text
column api_keys.name text NOT NULL
column api_keys.scopes text[] NOT NULL DEFAULT '{}'::text[]
column api_keys.hash text NOT NULL
column api_keys.prefix text NOT NULL
column api_keys.created_by text
column api_keys.last_used_at timestamp with time zone
column api_keys.revoked_at timestamp with time zone
column api_keys.created_at timestamp with time zone NOT NULL DEFAULT now()
column audit_log.id bigint NOT NULL DEFAULT nextval('audit_log_id_seq'::regclass)
column audit_log.tenant_id uuid
column audit_log.project_id uuid
column audit_log.actor_id text
column audit_log.actor_name text
column audit_log.actor_type text
column audit_log.action text NOT NULL
column audit_log.target_id text
column audit_log.target_type text
column audit_log.target_name text
column audit_log.product text
column audit_log.metadata jsonb NOT NULL DEFAULT '{}'::jsonb
column audit_log.source_ip inet
column audit_log.user_agent text
column audit_log.created_at timestamp with time zone NOT NULL DEFAULT now()
column idempotency_keys.caller text NOT NULL
column idempotency_keys.key text NOT NULL
column idempotency_keys.digest bytea NOT NULL
column idempotency_keys.ids bigint[] NOT NULL
column idempotency_keys.created_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_idp_config.id uuid NOT NULL DEFAULT gen_random_uuid()
column tenant_idp_config.tenant_id uuid NOT NULL
column tenant_idp_config.type idp_kind NOT NULL
column tenant_idp_config.metadata jsonb NOT NULL DEFAULT '{}'::jsonb
column tenant_idp_config.verified boolean NOT NULL DEFAULT false
column tenant_idp_config.created_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_idp_config.updated_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_products.tenant_id uuid NOT NULL
column tenant_products.product text NOT NULL
column tenant_products.enabled boolean NOT NULL DEFAULT true
column tenant_products.config jsonb NOT NULL DEFAULT '{}'::jsonb
column tenant_products.expires_at timestamp with time zone
column tenant_products.created_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_products.updated_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_products.requested_at timestamp with time zone
column tenant_products.trial_started_at timestamp with time zone
column tenant_projects.id uuid NOT NULL DEFAULT gen_random_uuid()
column tenant_projects.tenant_id uuid NOT NULL
column tenant_projects.name text NOT NULL
column tenant_projects.slug text NOT NULL
column tenant_projects.status tenant_project_status NOT NULL DEFAULT 'active'::tenant_project_status
column tenant_projects.created_at timestamp with time zone NOT NULL DEFAULT now()
column tenant_projects.updated_at timestamp with time zone NOT NULL DEFAULT now()
column tenants.id uuid NOT NULL DEFAULT gen_random_uuid()
column tenants.slug text NOT NULL
column tenants.name text NOT NULL
column tenants.status tenant_status NOT NULL DEFAULT 'trial'::tenant_status
column tenants.kind tenant_kind NOT NULL DEFAULT 'customer'::tenant_kind
column tenants.plan text NOT NULL DEFAULT 'starter'::text
column tenants.erp_customer_id text
column tenants.stripe_cust_id text
column tenants.trial_ends_at timestamp with time zone
column tenants.contract_start date
column tenants.contract_end date
column tenants.sales_owner text
column tenants.created_at timestamp with time zone NOT NULL DEFAULT now()
column tenants.updated_at timestamp with time zone NOT NULL DEFAULT now()
)";

constexpr const char* kConstraints = R"(constraint api_keys.api_keys_pkey PRIMARY KEY (id)
constraint api_keys.api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
constraint api_keys.api_keys_tenant_id_name_key UNIQUE (tenant_id, name)
constraint audit_log.audit_log_pkey PRIMARY KEY (id)
constraint audit_log.audit_log_project_id_fkey FOREIGN KEY (project_id) REFERENCES tenant_projects(id) ON DELETE SET NULL
constraint audit_log.audit_log_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE SET NULL
constraint idempotency_keys.idempotency_keys_pkey PRIMARY KEY (caller, key)
constraint tenant_idp_config.tenant_idp_config_pkey PRIMARY KEY (id)
constraint tenant_idp_config.tenant_idp_config_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
constraint tenant_idp_config.tenant_idp_config_tenant_id_type_key UNIQUE (tenant_id, type)
constraint tenant_products.tenant_products_pkey PRIMARY KEY (tenant_id, product)
constraint tenant_products.tenant_products_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
constraint tenant_projects.tenant_projects_pkey PRIMARY KEY (id)
constraint tenant_projects.tenant_projects_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'::text))
constraint tenant_projects.tenant_projects_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
constraint tenant_projects.tenant_projects_tenant_id_slug_key UNIQUE (tenant_id, slug)
constraint tenants.tenants_erp_customer_id_key UNIQUE (erp_customer_id)
constraint tenants.tenants_pkey PRIMARY KEY (id)
constraint tenants.tenants_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'::text))
constraint tenants.tenants_slug_key UNIQUE (slug)
constraint tenants.tenants_stripe_cust_id_key UNIQUE (stripe_cust_id)
)";

constexpr const char* kIndexes =
    R"(index UNIQUE INDEX api_keys_pkey ON public.api_keys USING btree (id)
index INDEX api_keys_prefix_idx ON public.api_keys USING btree (prefix)
index UNIQUE INDEX api_keys_tenant_id_name_key ON public.api_keys USING btree (tenant_id, name)
index INDEX api_keys_tenant_idx ON public.api_keys USING btree (tenant_id) WHERE (revoked_at IS NULL)
index INDEX audit_log_action_idx ON public.audit_log USING btree (action)
index INDEX audit_log_action_page_idx ON public.audit_log USING btree (action, ((id + 0)))
index INDEX audit_log_actor_action_product_page_idx ON public.audit_log USING btree (actor_id, action, ((id - 0)), "left"(product, 100)) WHERE (actor_id IS NOT NULL)
index INDEX audit_log_actor_idx ON public.audit_log USING btree (actor_id, created_at DESC) WHERE (actor_id IS NOT NULL)
index INDEX audit_log_actor_page_idx ON public.audit_log USING btree (actor_id, ((id + 0))) WHERE (actor_id IS NOT NULL)
index INDEX audit_log_block_idx ON public.audit_log USING btree (((id >> 19)), created_at)
index INDEX audit_log_part_idx ON public.audit_log USING btree (((id >> 11)), created_at)
index UNIQUE INDEX audit_log_pkey ON public.audit_log USING btree (id)
index INDEX audit_log_product_action_page_idx ON public.audit_log USING btree (product, action, ((id * 1))) WHERE (product IS NOT NULL)
index INDEX audit_log_product_actor_page_idx ON public.audit_log USING btree (product, actor_id, ((id * 1))) WHERE ((product IS NOT NULL) AND (actor_id IS NOT NULL))
index INDEX audit_log_product_idx ON public.audit_log USING btree (product, created_at DESC) WHERE (product IS NOT NULL)
index INDEX audit_log_product_page_idx ON public.audit_log USING btree (product, ((id + 0))) WHERE (product IS NOT NULL)
index INDEX audit_log_stretch_idx ON public.audit_log USING btree (((id >> 15)), created_at)
index INDEX audit_log_tenant_action_idx ON public.audit_log USING btree (tenant_id, action, created_at DESC)
index INDEX audit_log_tenant_action_product_page_idx ON public.audit_log USING btree (tenant_id, action, ((id - 0)), product) WHERE (tenant_id IS NOT NULL)
index INDEX audit_log_tenant_actor_action_page_idx ON public.audit_log USING btree (tenant_id, actor_id, action, ((id / 1))) WHERE (actor_id IS NOT NULL)
index INDEX audit_log_tenant_actor_product_page_idx ON public.audit_log USING btree (tenant_id, actor_id, ((id - 0)), product) WHERE (actor_id IS NOT NULL)
index INDEX audit_log_tenant_idx ON public.audit_log USING btree (tenant_id, created_at DESC)
index INDEX audit_log_tenant_page_idx ON public.audit_log USING btree (tenant_id, ((id + 0))) WHERE (tenant_id IS NOT NULL)
index INDEX audit_log_tenant_product_page_idx ON public.audit_log USING btree (tenant_id, product, ((id * 1))) WHERE (product IS NOT NULL)
index INDEX idempotency_keys_created_idx ON public.idempotency_keys USING btree (created_at)
index UNIQUE INDEX idempotency_keys_pkey ON public.idempotency_keys USING btree (caller, key)
index UNIQUE INDEX tenant_idp_config_pkey ON public.tenant_idp_config USING btree (id)
index UNIQUE INDEX tenant_idp_config_tenant_id_type_key ON public.tenant_idp_config USING btree (tenant_id, type)
index INDEX tenant_idp_config_tenant_idx ON public.tenant_idp_config USING btree (tenant_id)
index UNIQUE INDEX tenant_products_pkey ON public.tenant_products USING btree (tenant_id, product)
index INDEX tenant_products_product_idx ON public.tenant_products USING btree (product) WHERE (enabled = true)
index UNIQUE INDEX tenant_projects_pkey ON public.tenant_projects USING btree (id)
index UNIQUE INDEX tenant_projects_tenant_id_slug_key ON public.tenant_projects USING btree (tenant_id, slug)
index INDEX tenant_projects_tenant_idx ON public.tenant_projects USING btree (tenant_id)
index UNIQUE INDEX tenants_erp_customer_id_key ON public.tenants USING btree (erp_customer_id)
index INDEX tenants_kind_idx ON public.tenants USING btree (kind)
index UNIQUE INDEX tenants_pkey ON public.tenants USING btree (id)
index UNIQUE INDEX tenants_slug_key ON public.tenants USING btree (slug)
index INDEX tenants_status_idx ON public.tenants USING btree (status)
index UNIQUE INDEX tenants_stripe_cust_id_key ON public.tenants USING btree (stripe_cust_id)
index INDEX tenants_trial_ends_idx ON public.tenants USING btree (trial_ends_at) WHERE (trial_ends_at IS NOT NULL)
)";

constexpr const char* kTriggersAndFunctions =
    R"(trigger CREATE TRIGGER audit_log_announce_rows BEFORE INSERT ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_announce_rows()
trigger CREATE TRIGGER idempotency_keys_forget AFTER INSERT ON public.idempotency_keys FOR EACH STATEMENT EXECUTE FUNCTION idempotency_keys_forget()
trigger CREATE TRIGGER tenant_idp_config_touch_updated_at BEFORE UPDATE ON public.tenant_idp_config FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
trigger CREATE TRIGGER tenant_products_touch_updated_at BEFORE UPDATE ON public.tenant_products FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
trigger CREATE TRIGGER tenant_projects_touch_updated_at BEFORE UPDATE ON public.tenant_projects FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
trigger CREATE TRIGGER tenants_touch_updated_at BEFORE UPDATE ON public.tenants FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
function audit_log_announce_rows() returns trigger in plpgsql
function idempotency_keys_forget() returns trigger in plpgsql
function touch_updated_at() returns trigger in plpgsql)";

}  // namespace

std::string catalog_of(Session& session) {
  return session.sql(kCatalogQuery);
}

std::string expected_catalog() {
  return std::string(kObjects) + kColumns + kConstraints + kIndexes + kTriggersAndFunctions;
}

}  // namespace registry::test
