-- What makes it safe to send a request again: what each caller has done with which key. Rows count
-- for a day.

CREATE TABLE idempotency_keys (
  caller     TEXT        NOT NULL,
  key        TEXT        NOT NULL,
  digest     BYTEA       NOT NULL,
  ids        BIGINT[]    NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  PRIMARY KEY (caller, key)
);

CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

-- Whoever adds rows takes away a few that count no longer, so there are never many of them. With the
-- rights of the owner: whoever may add rows may not take away others.
CREATE FUNCTION idempotency_keys_forget() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format(
    'DELETE FROM %1$s WHERE (caller, key) IN (SELECT caller, key FROM %1$s'
    ' WHERE created_at <= now() - interval ''24 hours'' ORDER BY created_at LIMIT 3'
    ' FOR UPDATE SKIP LOCKED)', TG_RELID::regclass);
  RETURN NULL;
END $$;

CREATE TRIGGER idempotency_keys_forget AFTER INSERT ON idempotency_keys
  FOR EACH STATEMENT EXECUTE FUNCTION idempotency_keys_forget();
