-- Makes audit_log a table of partitions by id, on a live database:
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v boundary=2000000000 -f partition_audit_log.sql
--
-- as the owner of the table; then `migrate roles`, since rights belong to a table. `boundary` is the
-- first id of the second partition: more than there are now, and as many more as may come while the
-- first statements look at what there is. `width` is how many ids the partitions behind it have
-- (50,000,000 where it is not given). There are two of these, so that one is always ahead; without one
-- for its ids an append fails.
--
-- Everybody waits for the last transaction, which touches no row: some milliseconds, once it has the
-- lock of the table. It gives up after three seconds without that lock, and can be tried again.
\if :{?width}
\else
  \set width 50000000
\endif
SET client_min_messages = warning;

-- So that the table can become a partition without being read under that lock.
ALTER TABLE audit_log DROP CONSTRAINT IF EXISTS audit_log_first_partition;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_first_partition CHECK (id < :boundary) NOT VALID;
ALTER TABLE audit_log VALIDATE CONSTRAINT audit_log_first_partition;

BEGIN;
SET LOCAL lock_timeout = '3s';
LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE;
ALTER TABLE audit_log RENAME TO audit_log_1;
CREATE TABLE audit_log (LIKE audit_log_1 INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (id);

-- Each index and constraint of the table is one of the parent, under the name that migrations know.
DO $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid = 'audit_log_1'::regclass AND contype <> 'n'
      AND conname <> 'audit_log_first_partition'
  LOOP
    EXECUTE format('ALTER TABLE audit_log_1 RENAME CONSTRAINT %I TO %I', old.name, old.name || '_1');
    EXECUTE format('ALTER TABLE audit_log ADD CONSTRAINT %I %s', old.name, old.definition);
  END LOOP;
  FOR old IN
    SELECT relname AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE indrelid = 'audit_log_1'::regclass AND NOT indisprimary
  LOOP
    EXECUTE format('ALTER INDEX %I RENAME TO %I', old.name, old.name || '_1');
    EXECUTE replace(old.definition, '.audit_log_1 ', '.audit_log ');
  END LOOP;
END $$;

-- The ids are the new table's, and so is their announcement: the trigger is the parent's.
ALTER SEQUENCE audit_log_id_seq OWNED BY audit_log.id;
DROP TRIGGER audit_log_announce_rows ON audit_log_1;
CREATE TRIGGER audit_log_announce_rows BEFORE INSERT ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_announce_rows();

ALTER TABLE audit_log ATTACH PARTITION audit_log_1 FOR VALUES FROM (MINVALUE) TO (:boundary);
ALTER TABLE audit_log_1 DROP CONSTRAINT audit_log_first_partition;
CREATE TABLE audit_log_2 PARTITION OF audit_log
  FOR VALUES FROM (:boundary) TO (:boundary + :width);
CREATE TABLE audit_log_3 PARTITION OF audit_log
  FOR VALUES FROM (:boundary + :width) TO (:boundary + 2 * :width);
COMMIT;
