#pragma once

namespace registry::test {

// Describes every object of a database's own schemas, one per line, in words and an order that do
// not depend on the server's version. Postgres 18 lists NOT NULL among the constraints and earlier
// ones do not, so the columns alone tell of it.
inline constexpr const char* kDescribeCatalog = R"sql(
WITH ours AS (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
), relations AS (
  SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
), lines AS (
  SELECT format('schema %I', nspname) AS line FROM ours
UNION ALL
  SELECT format('extension %I', extname) FROM pg_extension
UNION ALL
  SELECT format('enum %s: %s', t.oid::regtype,
    string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
  FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.oid
UNION ALL
  SELECT format('type %s of kind %s', t.oid::regtype, t.typtype)
  FROM pg_type t JOIN ours n ON n.oid = t.typnamespace WHERE t.typtype IN ('d', 'r', 'm')
UNION ALL
  SELECT format('relation %s of kind %s', name, relkind) FROM relations WHERE relkind <> 'i'
UNION ALL
  SELECT format('column %s.%s %I %s%s%s', r.name, lpad(a.attnum::text, 2, '0'), a.attname,
    format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END,
    ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
  WHERE r.relkind IN ('r', 'v', 'm', 'c', 'p') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
  SELECT format('constraint %s %I %s', r.name, c.conname, pg_get_constraintdef(c.oid))
  FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid WHERE c.contype <> 'n'
UNION ALL
  SELECT format('index %s %s', name, pg_get_indexdef(oid)) FROM relations WHERE relkind = 'i'
UNION ALL
  SELECT format('view %s %s', name, pg_get_viewdef(oid)) FROM relations
  WHERE relkind IN ('v', 'm')
UNION ALL
  SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
UNION ALL
  SELECT format('function %s %s', p.oid::regprocedure, pg_get_functiondef(p.oid))
  FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
)
SELECT line FROM lines ORDER BY line COLLATE "C";
)sql";

}  // namespace registry::test
