-- Lets a reader of audit_log tell which ids may still appear. An id is drawn before its row is
-- committed, so whoever remembers the last id they saw would miss a row whose transaction took
-- longer than a later one's. Each transaction that adds rows therefore tells beforehand from which
-- id on they are, by an advisory lock, shared, which it holds until its rows can be seen or are gone.
-- The two keys of the lock are the table's oid and the low 32 bits of the last id that was drawn
-- before. Up to the smallest of these ids, what the table will ever have can be seen.

-- A transaction tells it once, whatever it adds. What a savepoint takes back of the note that it has
-- been told, it takes back together with the lock. Every INSERT pays for it: in PL/pgSQL an assignment
-- is an expression, at half the cost of PERFORM, which is a query.
CREATE FUNCTION audit_log_announce_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  log     bigint := TG_RELID;
  last_id bigint;
  ignored text;
BEGIN
  IF current_setting('tenant_registry.announced', true) = log::text THEN
    RETURN NULL;
  END IF;
  last_id := coalesce(pg_sequence_last_value(
    pg_get_serial_sequence(TG_RELID::regclass::text, 'id')), 0) & 4294967295;
  -- As the signed numbers that have these bits.
  ignored := pg_advisory_xact_lock_shared((log - ((log >> 31) << 32))::integer,
                                          (last_id - ((last_id >> 31) << 32))::integer);
  ignored := set_config('tenant_registry.announced', log::text, true);
  RETURN NULL;
END $$;

-- Of a statement, not of a row: so it comes before the column's default draws the first id. A
-- statement that draws ids itself has to add no row before.
CREATE TRIGGER audit_log_announce_rows BEFORE INSERT ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_announce_rows();
