INSERT INTO login_failures (key, failures, failed_at, locked_until)
VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO UPDATE
SET failures = excluded.failures, failed_at = excluded.failed_at, locked_until = excluded.locked_until
