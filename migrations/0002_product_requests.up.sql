-- When a tenant asked for a product, while nobody has decided, and when its trial began. Rows from
-- before have neither: nobody knows when they were asked for. Null without a default changes no row,
-- however many there are.

ALTER TABLE tenant_products
  ADD COLUMN requested_at     TIMESTAMPTZ,
  ADD COLUMN trial_started_at TIMESTAMPTZ;
