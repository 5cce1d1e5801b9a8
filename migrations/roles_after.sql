
-- Says what the functions' roles may do besides: what everybody may, and what others have given
-- them. That is not taken away here, since other applications of this database may need it.
DO $$
DECLARE
  names text[] := string_to_array(current_setting('registry_roles.names'), ' ');
  here oid := current_schema()::regnamespace;
  excess text;
  remedy text;
BEGIN
  FOR excess, remedy IN
    SELECT 'every role may create objects in schema ' || n.oid::regnamespace,
           format('REVOKE CREATE ON SCHEMA %s FROM PUBLIC', n.oid::regnamespace)
    FROM pg_namespace n, LATERAL aclexplode(n.nspacl) x
    WHERE x.grantee = 0 AND x.privilege_type = 'CREATE'
    UNION ALL
    SELECT CASE x.privilege_type WHEN 'TEMPORARY' THEN 'every role may create temporary tables'
             ELSE 'every role may create schemas' END,
           format('REVOKE %s ON DATABASE %I FROM PUBLIC', x.privilege_type, d.datname)
    FROM pg_database d, LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
    WHERE d.datname = current_database() AND x.grantee = 0
      AND x.privilege_type IN ('CREATE', 'TEMPORARY')
    UNION ALL
    SELECT DISTINCT format('%s may %s %s, by %s', CASE x.grantee WHEN 0 THEN 'every role'
                             ELSE pg_get_userbyid(x.grantee) END,
                           x.privilege_type, c.oid::regclass, pg_get_userbyid(x.grantor)),
           format('REVOKE %s ON %s FROM %s', x.privilege_type, c.oid::regclass,
                  CASE x.grantee WHEN 0 THEN 'PUBLIC'
                    ELSE quote_ident(pg_get_userbyid(x.grantee)) END)
    FROM pg_class c, LATERAL (
      SELECT * FROM aclexplode(c.relacl)
      UNION ALL
      SELECT e.* FROM pg_attribute a, LATERAL aclexplode(a.attacl) e
      WHERE a.attrelid = c.oid AND NOT a.attisdropped) x
    WHERE c.relnamespace = here AND (
      x.grantee = 0 AND pg_has_role(c.relowner, 'USAGE')
      OR x.grantor <> c.relowner AND pg_get_userbyid(x.grantee) = ANY (names))
    UNION ALL
    SELECT DISTINCT format('%s is a member of %s', m.member::regrole, m.roleid::regrole),
           format('REVOKE %s FROM %s', m.roleid::regrole, m.member::regrole)
    FROM pg_auth_members m WHERE pg_get_userbyid(m.member) = ANY (names)
    UNION ALL
    SELECT DISTINCT format('%s owns objects', d.refobjid::regrole),
           format('REASSIGN OWNED BY %s TO %I', d.refobjid::regrole, current_user)
    FROM pg_shdepend d
    WHERE d.deptype = 'o' AND d.refclassid = 'pg_authid'::regclass
      AND pg_get_userbyid(d.refobjid) = ANY (names)
    UNION ALL
    SELECT DISTINCT format('%s is no function of this release and has rights here', r.rolname),
           format('DROP OWNED BY %I; DROP ROLE %I', r.rolname, r.rolname)
    FROM pg_class c, LATERAL (
      SELECT grantee FROM aclexplode(c.relacl)
      UNION ALL
      SELECT e.grantee FROM pg_attribute a, LATERAL aclexplode(a.attacl) e
      WHERE a.attrelid = c.oid AND NOT a.attisdropped) x JOIN pg_roles r ON r.oid = x.grantee
    WHERE c.relnamespace = here AND r.oid <> c.relowner
      AND starts_with(r.rolname, current_setting('registry_roles.prefix'))
      AND r.rolname <> ALL (names)
    ORDER BY 1, 2
  LOOP
    RAISE WARNING '%; if nothing else needs that: %', excess, remedy;
  END LOOP;
END $$;
