
-- Names without a schema are those of the current one, and of no other.
DO $$
BEGIN
  IF current_schema() IS NULL THEN
    RAISE EXCEPTION 'no schema: the search_path names none that exists';
  END IF;
  PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
  PERFORM set_config(
    'registry_roles.names',
    (SELECT string_agg(current_setting('registry_roles.prefix') || name, ' ')
     FROM regexp_split_to_table(current_setting('registry_roles.functions'), ' ') name),
    true);
END $$;

-- Creates the roles that are missing. Those that are there lose what no function needs and keep
-- the rest: whether they may log in, their passwords, and the settings they have.
DO $$
DECLARE
  names text[] := string_to_array(current_setting('registry_roles.names'), ' ');
  name text;
  change text;
  refused text := '';
BEGIN
  FOREACH name IN ARRAY names LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = name);
    EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT'
                   ' NOREPLICATION NOBYPASSRLS', name);
  END LOOP;
  FOR change IN
    SELECT format('ALTER ROLE %I', rolname) || powers FROM pg_roles, LATERAL (
      SELECT CASE WHEN rolsuper THEN ' NOSUPERUSER' ELSE '' END
        || CASE WHEN rolcreatedb THEN ' NOCREATEDB' ELSE '' END
        || CASE WHEN rolcreaterole THEN ' NOCREATEROLE' ELSE '' END
        || CASE WHEN rolinherit THEN ' NOINHERIT' ELSE '' END
        || CASE WHEN rolreplication THEN ' NOREPLICATION' ELSE '' END
        || CASE WHEN rolbypassrls THEN ' NOBYPASSRLS' ELSE '' END) p (powers)
    WHERE rolname = ANY (names) AND powers <> ''
    UNION ALL
    SELECT format('ALTER ROLE %I SET %I = %L', rolname, setting,
                  current_setting('registry_roles.' || setting))
    FROM pg_roles r, unnest(ARRAY['statement_timeout', 'lock_timeout', 'enable_bitmapscan',
                                  'enable_seqscan', 'jit', 'plan_cache_mode']) setting
    WHERE rolname = ANY (names) AND NOT EXISTS (
      SELECT FROM pg_db_role_setting s, unnest(s.setconfig) c
      WHERE s.setrole = r.oid AND split_part(c, '=', 1) = setting
        AND s.setdatabase IN (
          0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())))
    ORDER BY 1
  LOOP
    BEGIN
      EXECUTE change;
    EXCEPTION WHEN insufficient_privilege THEN
      refused := refused || E'\n  ' || change || ';';
    END;
  END LOOP;
  IF refused <> '' THEN
    RAISE WARNING 'roles that are there already are not mine to change; have a superuser run:%',
      refused;
  END IF;
END $$;

-- Takes away what the roles have in this schema, and what they have of the database besides
-- CONNECT. The owner's REVOKE leaves what another role has granted, see the end.
DO $$
DECLARE
  names text[] := string_to_array(current_setting('registry_roles.names'), ' ');
  place text;
  name text;
BEGIN
  FOR place, name IN
    WITH held (place, acl, kept) AS (
      SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || oid::regclass, relacl, ''
      FROM pg_class WHERE relnamespace = current_schema()::regnamespace
      UNION ALL
      SELECT 'TABLE ' || c.oid::regclass, a.attacl, ''
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = current_schema()::regnamespace AND NOT a.attisdropped
      UNION ALL
      SELECT 'SCHEMA ' || oid::regnamespace, nspacl, 'USAGE'
      FROM pg_namespace WHERE oid = current_schema()::regnamespace
      UNION ALL
      SELECT 'DATABASE ' || quote_ident(datname), datacl, 'CONNECT'
      FROM pg_database WHERE datname = current_database())
    SELECT DISTINCT held.place, r.rolname
    FROM held, LATERAL aclexplode(held.acl) x JOIN pg_roles r ON r.oid = x.grantee
    WHERE r.rolname = ANY (names) AND x.privilege_type <> held.kept
    ORDER BY 1, 2
  LOOP
    EXECUTE format('REVOKE ALL PRIVILEGES ON %s FROM %I', place, name);
  END LOOP;
END $$;

-- Gives the way in, so that it does not depend on what everybody may.
DO $$
DECLARE
  names text[] := string_to_array(current_setting('registry_roles.names'), ' ');
  is_owner boolean;
  place text;
  may text;
  name text;
  has_it boolean;
  refused text := '';
BEGIN
  FOR place, may, is_owner, name, has_it IN
    SELECT 'SCHEMA ' || n.oid::regnamespace, 'USAGE', pg_has_role(n.nspowner, 'USAGE'), r,
           has_schema_privilege(r, n.oid, 'USAGE')
    FROM pg_namespace n, unnest(names) r WHERE n.oid = current_schema()::regnamespace
    UNION ALL
    SELECT 'DATABASE ' || quote_ident(d.datname), 'CONNECT', pg_has_role(d.datdba, 'USAGE'), r,
           has_database_privilege(r, d.oid, 'CONNECT')
    FROM pg_database d, unnest(names) r WHERE d.datname = current_database()
    ORDER BY 1, 4
  LOOP
    IF is_owner THEN
      EXECUTE format('GRANT %s ON %s TO %I', may, place, name);
    ELSIF NOT has_it THEN
      refused := refused || format(E'\n  GRANT %s ON %s TO %I;', may, place, name);
    END IF;
  END LOOP;
  IF refused <> '' THEN
    RAISE WARNING 'the functions have no way in, which is not mine to give; have a superuser run:%',
      refused;
  END IF;
END $$;

