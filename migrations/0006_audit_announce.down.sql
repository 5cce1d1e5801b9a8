CREATE OR REPLACE FUNCTION audit_log_announce_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sequence regclass;
  last_id  bigint;
  log      bigint := TG_RELID;
BEGIN
  IF current_setting('tenant_registry.announced', true) = log::text THEN
    RETURN NULL;
  END IF;
  sequence := pg_get_serial_sequence(TG_RELID::regclass::text, 'id');
  last_id := coalesce(pg_sequence_last_value(sequence), 0) & 4294967295;
  -- As the signed numbers that have these bits.
  PERFORM pg_advisory_xact_lock_shared((log - ((log >> 31) << 32))::integer,
                                       (last_id - ((last_id >> 31) << 32))::integer);
  PERFORM set_config('tenant_registry.announced', log::text, true);
  RETURN NULL;
END $$;
