SELECT key, failures, failed_at, locked_until
FROM login_failures
WHERE key = ANY ($1::text[])
