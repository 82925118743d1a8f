-- A few with each change; those that another process changes are left to it, or two could
-- wait for each other.
DELETE FROM login_failures
WHERE key IN (
    SELECT key
    FROM login_failures
    WHERE failed_at < $1 AND locked_until < $1
    ORDER BY failed_at
    LIMIT 100
    FOR UPDATE SKIP LOCKED)
