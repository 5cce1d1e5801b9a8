-- Forgets which requests are pending and which trials were given.

ALTER TABLE tenant_products
  DROP COLUMN requested_at,
  DROP COLUMN trial_started_at;
