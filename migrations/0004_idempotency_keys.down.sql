-- Forgets which requests were made: one that is sent again after this takes effect again.

DROP TABLE idempotency_keys;
DROP FUNCTION idempotency_keys_forget();
