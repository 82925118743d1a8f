DELETE FROM login_failures
WHERE key = ANY ($1::text[])
